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

const consoleLevels = {
  __proto__: null, debug: 1, log: 2, info: 2, warn: 3, error: 4, dir: 2, dirxml: 2, table: 2, group: 2,
  groupCollapsed: 2, groupEnd: 2, assert: 3, trace: 4, count: 2, countReset: 3, time: 2, timeEnd: 2, timeLog: 2,
};
/** Everything beyond lines of values, made when it is first needed: most scripts never do. */
let richConsole;
const textIndexOf = String.prototype.indexOf;
const isPlain = (values) =>
  values.length < 2 || typeof values[0] !== "string" || apply(textIndexOf, values[0], ["%"]) < 0;

const consoleObject = {};
for (const name of ownKeys(consoleLevels)) {
  const level = consoleLevels[name];
  const isLine = name === "log" || name === "info" || name === "debug" || name === "warn" || name === "error";
  const method = { [name](...values) {
    if (isLine && richConsole === undefined && isPlain(values)) {
      const shown = [];
      for (let i = 0; i < values.length; i++) shown[i] = printable(values[i]);
      return native.log(stringify(shown), level);
    }
    try {
      richConsole ??= native.console()({ write: native.log, printable, describe, frames, levels: consoleLevels });
      richConsole[name](...values);
    } catch {
      native.log('["[values that cannot be shown]"]', level);
    }
  } }[name];
  consoleObject[name] = method;
}
hidden(globalThis, "console", consoleObject);
