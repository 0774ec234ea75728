// log(...values) and console: lines for whoever watches the run.
hooks.log = (() => (...values) => {
  native.log(stringify(values), 0);
})();

/** What console can show of a value that JSON would lose or refuse. Never throws. */
const printable = (value) => {
  try {
    if (value instanceof ErrorType) return describeText(value);
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "function" || typeof value === "symbol" || value === undefined) return text(value);
    if (typeof value === "number" && value - value !== 0) return text(value);
    stringify(value);
    return value;
  } catch {
    return "[value that cannot be shown]";
  }
};
const describeText = (error) => {
  const { name, message, stack } = describe(error);
  return (name ? `${name}: ${message}` : message) + (stack ? `\n${stack}` : "");
};

const consoleLevels = { debug: 1, log: 2, info: 2, warn: 3, error: 4 };
const consoleObject = {};
for (const name of ownKeys(consoleLevels)) {
  const level = consoleLevels[name];
  const method = { [name](...values) {
    const shown = [];
    for (let i = 0; i < values.length; i++) shown[i] = printable(values[i]);
    native.log(stringify(shown), level);
  } }[name];
  consoleObject[name] = method;
}
hidden(globalThis, "console", consoleObject);
