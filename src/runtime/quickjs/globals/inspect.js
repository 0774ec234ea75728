// A value as one line of text, much as Node's util.inspect shows it; for console. Runs no getter of the script's.

/** How many levels are shown: as many as where lines are written from values. */
const MAX_LEVELS = 8;
/** Entries of one list, as in Node.js. */
const MAX_ENTRIES = 100;
/** Objects inside one value; what is beyond is left out. */
const MAX_OBJECTS = 10_000;

const { isArray } = Array;
const { getOwnPropertyDescriptor, getPrototypeOf, is } = Object;

const quoted = (value) => {
  const body = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"');
  if (!value.includes("'")) return `'${body}'`;
  if (!value.includes('"')) return `"${body}"`;
  if (!value.includes("`") && !value.includes("${")) return `\`${body}\``;
  return `'${body.replaceAll("'", "\\'")}'`;
};

const numberText = (value) => (is(value, -0) ? "-0" : String(value));

/** What a value is that is no object. */
const plainText = (value) => {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "number" ? numberText(value) : String(value);
};

const keyText = (key) => {
  if (typeof key === "symbol") return `[${String(key)}]`;
  return /^[a-zA-Z_]\w*$/.test(key) ? key : quoted(key);
};

/** A property that can be read without running anything; `undefined` for others. */
const dataOf = (object, key) => getOwnPropertyDescriptor(object, key)?.value;

/** The name of the class; `undefined` for objects without one. */
const classOf = (value) => {
  for (let object = value; object !== null; object = getPrototypeOf(object)) {
    const constructor = dataOf(object, "constructor");
    const name = typeof constructor === "function" ? dataOf(constructor, "name") : undefined;
    if (typeof name === "string" && name !== "") return name;
  }
  return undefined;
};

const functionLabel = (value) => {
  const name = dataOf(value, "name") || undefined;
  // The text of a function says whether it is a class; nothing else does.
  if (Function.prototype.toString.call(value).startsWith("class")) return `[class ${name ?? "(anonymous)"}]`;
  return `[${classOf(value) ?? "Function"}${name === undefined ? " (anonymous)" : `: ${name}`}]`;
};

const enclosed = (prefix, [open, close], entries, left = 0) => {
  if (left > 0) entries.push(`... ${left} more item${left > 1 ? "s" : ""}`);
  return `${prefix}${open}${entries.length === 0 ? "" : ` ${entries.join(", ")} `}${close}`;
};

/** Shows one value. `state.path` is what the value is inside of, `state.left` how many objects may still come. */
const shown = (value, levels, state) => {
  if (typeof value === "function") return functionLabel(value);
  if (typeof value !== "object" || value === null) return plainText(value);
  if (state.path.includes(value)) return "[Circular]";
  if (state.left-- <= 0) return "...";
  state.path.push(value);
  const result = objectText(value, levels, state);
  state.path.pop();
  return result;
};

const objectText = (value, levels, state) => {
  const name = classOf(value);
  if (value instanceof Error) {
    const { name: kind, message } = tools.describe(value);
    return `[${kind ? `${kind}: ${message}` : message}]`;
  }
  if (value instanceof Date) return is(Date.prototype.getTime.call(value), NaN) ? "Invalid Date" : Date.prototype.toISOString.call(value);
  if (value instanceof RegExp) return RegExp.prototype.toString.call(value);
  if (value instanceof Promise) return "[Promise]";
  if ([Number, String, Boolean].some((Box) => value instanceof Box)) return `[${name}: ${plainText(value.valueOf())}]`;
  const kind = isArray(value) ? "Array" : name ?? "Object: null prototype";
  if (levels < 0) return `[${kind}]`;
  if (isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    return listText(value, name === "Array" ? "" : `${name}(${value.length}) `, levels - 1, state);
  }
  if (value instanceof Map || value instanceof Set) return collectionText(value, name, levels - 1, state);
  const prefix = name === "Object" ? "" : `${name ?? `[${kind}]`} `;
  return enclosed(prefix, "{}", memberTexts(value, levels - 1, state));
};

const memberTexts = (value, levels, state) => {
  const entries = [];
  for (const key of Reflect.ownKeys(value)) {
    const { get, set, value: member, enumerable } = getOwnPropertyDescriptor(value, key) ?? {};
    if (!enumerable) continue;
    const accessor = get ? (set ? "[Getter/Setter]" : "[Getter]") : set && "[Setter]";
    entries.push(`${keyText(key)}: ${accessor ?? shown(member, levels, state)}`);
  }
  return entries;
};

const listText = (value, prefix, levels, state) => {
  const entries = [];
  const end = Math.min(value.length, MAX_ENTRIES);
  for (let i = 0; i < end; ) {
    let empty = 0;
    for (; i < end && !(i in value); i++) empty++;
    if (empty > 0) entries.push(`<${empty} empty item${empty > 1 ? "s" : ""}>`);
    else entries.push(shown(value[i++], levels, state));
  }
  return enclosed(prefix, "[]", entries, value.length - end);
};

const collectionText = (value, name, levels, state) => {
  const entries = [];
  for (const [key, item] of value.entries()) {
    if (entries.length === MAX_ENTRIES) break;
    const right = shown(item, levels, state);
    entries.push(value instanceof Map ? `${shown(key, levels, state)} => ${right}` : right);
  }
  return enclosed(`${name}(${value.size}) `, "{}", entries, value.size - entries.length);
};

const inspect = (value, levels = MAX_LEVELS) => shown(value, levels, { path: [], left: MAX_OBJECTS });
