(function () {
  "use strict";
  // One text for any value, the same in Node and in the sandbox.
  const seen = [];
  const show = (value) => {
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "bigint") return `${value}n`;
    if (Object.is(value, -0)) return "-0";
    if (typeof value === "function") return `[function ${value.name}/${value.length}]`;
    if (typeof value !== "object" || value === null) return String(value);
    if (seen.includes(value)) return "[circular]";
    seen.push(value);
    try {
      if (Array.isArray(value)) {
        return `[${Array.from({ length: value.length }, (_, i) => (i in value ? show(value[i]) : "hole")).join(", ")}]`;
      }
      if (value instanceof Error) return `${value.name}: ${value.message}`;
      if (value instanceof Date) return `Date(${value.getTime()})`;
      if (value instanceof RegExp) return String(value);
      if (value instanceof Map) return `Map${show([...value])}`;
      if (value instanceof Set) return `Set${show([...value])}`;
      if (value instanceof ArrayBuffer) return `ArrayBuffer(${value.byteLength})`;
      if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
        return `${value.constructor.name}${show(Array.from(value))}`;
      }
      return `{${Object.keys(value).map((key) => `${key}: ${show(value[key])}`).join(", ")}}`;
    } finally {
      seen.pop();
    }
  };
  const attempt = (run) => {
    try {
      return show(run());
    } catch (error) {
      if (!(error instanceof Error)) return `throws ${show(error)}`;
      const code = error.code === undefined ? "" : ` [${error.code}]`;
      return `throws ${error.name}: ${error.message}${code}`;
    }
  };
  return (run) => attempt(run).toWellFormed();
})()
