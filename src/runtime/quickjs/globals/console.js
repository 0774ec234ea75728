// What console can do beyond lines of values: formats, groups, tables, counts. Texts are those of Node.js. Whoever calls
// catches what is thrown here, so built-ins that a script has overwritten spoil nothing but its own lines.
const { levels } = tools;

// --- formats ---------------------------------------------------------------------------------------------------

const builtInTexts = new Set([Object, Array, Error, Date, RegExp].map(({ prototype }) => prototype.toString));

/** `%s`: as a template literal shows it, or inspected where that would say little more than `[object Object]`. */
const stringText = (value) => {
  if (typeof value === "bigint" || typeof value === "number") return plainText(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return tools.printable(value);
  return typeof value.toString !== "function" || builtInTexts.has(value.toString) ? inspect(value, 0) : String(value);
};
const numeric = (convert) => (value) =>
  typeof value === "bigint" ? `${value}n` : numberText(typeof value === "symbol" ? NaN : convert(value));

const specifiers = {
  __proto__: null,
  s: stringText,
  d: numeric(Number),
  i: numeric(parseInt),
  f: numeric(parseFloat),
  j: (value) => String(JSON.stringify(value)),
  o: (value) => inspect(value),
  O: (value) => inspect(value),
  c: () => "",
};

const filledIn = (convert, value) => {
  try {
    return convert(value);
  } catch {
    return "[value that cannot be shown]";
  }
};

/** The values, with those that the specifiers in the first one name put into it. */
const formatted = (values) => {
  const [format] = values;
  if (values.length < 2 || typeof format !== "string") return values;
  let used = 1;
  const line = format.replaceAll(/%([a-zA-Z%])/g, (specifier, kind) => {
    if (kind === "%") return "%";
    return specifiers[kind] === undefined || used === values.length ? specifier : filledIn(specifiers[kind], values[used++]);
  });
  return [line, ...values.slice(used)];
};

// --- lines -----------------------------------------------------------------------------------------------------

/** What lines inside of groups begin with. */
let margin = "";

const write = (level, values) => {
  const line = formatted(values).map(tools.printable);
  if (margin !== "") {
    for (let i = 0; i < line.length; i++) {
      if (typeof line[i] === "string") line[i] = line[i].replaceAll("\n", `\n${margin}`);
    }
    // Values are written with a space between them: it is the last one of the margin.
    if (line.length > 0 && typeof line[0] !== "string") line.unshift(margin.slice(1));
    else line[0] = margin + (line[0] ?? "");
  }
  tools.write(JSON.stringify(line), level);
};

// --- tables ----------------------------------------------------------------------------------------------------

const widthOf = (value) => [...value].length;

/** Columns, each a head and its cells, as a text in a frame. */
const drawn = (columns) => {
  const widths = columns.map((cells) => Math.max(...cells.map(widthOf)));
  const rule = (left, middle, right) => left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
  const row = (i) => `│ ${columns.map((cells, c) => cells[i] + " ".repeat(widths[c] - widthOf(cells[i]))).join(" │ ")} │`;
  const rows = columns[0].slice(1).map((_, i) => row(i + 1));
  return [rule("┌", "┬", "┐"), row(0), rule("├", "┼", "┤"), ...rows, rule("└", "┴", "┘")].join("\n");
};

const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
const cellText = (value) =>
  inspect(value, isObject(value) && !isArray(value) && Object.keys(value).length > 2 ? -1 : 0);

const collectionTable = (data) => {
  const rows = [...data];
  const index = ["(iteration index)", ...rows.keys()].map(String);
  if (data instanceof Set) return drawn([index, ["Values", ...rows.map(cellText)]]);
  const side = (head, i) => [head, ...rows.map((pair) => cellText(pair[i]))];
  return drawn([index, side("Key", 0), side("Values", 1)]);
};

/** A row per member of `data`, a column per member of a row; rows that are no objects stand in a column of their own. */
const tableText = (data, wanted) => {
  if (data instanceof Map || data instanceof Set) return collectionTable(data);
  const rows = Object.keys(data);
  const columns = new Map();
  const values = [];
  for (const [i, key] of rows.entries()) {
    const item = data[key];
    if (!isObject(item)) values[i] = cellText(item);
    for (const name of wanted ?? (isObject(item) ? Object.keys(item) : [])) {
      if (!columns.has(name)) columns.set(name, []);
      if (isObject(item) && Object.hasOwn(item, name)) columns.get(name)[i] = cellText(item[name]);
    }
  }
  if (values.length > 0) columns.set(values, values);
  const head = (name) => (name === values ? "Values" : String(name));
  const cells = [...columns].map(([name, column]) => [head(name), ...rows.map((_, i) => column[i] ?? "")]);
  return drawn([["(index)", ...rows], ...cells]);
};

// --- methods ---------------------------------------------------------------------------------------------------

const counts = new Map();

const methods = {
  dir(value, options) {
    const depth = options?.depth;
    if (typeof value !== "string" && depth === undefined) return write(levels.dir, [value]);
    write(levels.dir, [inspect(value, depth === null ? Infinity : depth)]);
  },
  table(data, columns) {
    write(levels.table, [typeof data === "object" && data !== null ? tableText(data, columns) : data]);
  },
  group(...label) {
    if (label.length > 0) write(levels.group, label);
    margin += "  ";
  },
  groupEnd() {
    margin = margin.slice(2);
  },
  assert(holds, ...values) {
    if (holds) return;
    if (typeof values[0] === "string") values[0] = `Assertion failed: ${values[0]}`;
    else values.unshift("Assertion failed");
    write(levels.assert, values);
  },
  trace(...values) {
    const words = formatted(values).map((value) => (typeof value === "string" ? value : inspect(value)));
    const head = words.length === 0 ? "Trace" : `Trace: ${words.join(" ")}`;
    write(levels.trace, [`${head}\n${tools.frames(new Error().stack) ?? ""}`.trimEnd()]);
  },
  count(label = "default") {
    const count = (counts.get(`${label}`) ?? 0) + 1;
    counts.set(`${label}`, count);
    write(levels.count, [`${label}: ${count}`]);
  },
  countReset(label = "default") {
    if (!counts.delete(`${label}`)) write(levels.countReset, [`Count for '${label}' does not exist`]);
  },
  // There is no clock: what would tell how long something took says nothing of it.
  time() {},
  timeEnd() {},
  timeLog(label = "default", ...values) {
    if (values.length > 0) write(levels.timeLog, [`${label}:`, ...values]);
  },
};
methods.groupCollapsed = methods.group;
for (const name of ["debug", "log", "info", "warn", "error", "dirxml"]) {
  methods[name] = (...values) => write(levels[name], values);
}
return methods;
