(function (native) {
  "use strict";
  const Native = Date;
  const { apply, construct, defineProperty, setPrototypeOf } = Reflect;
  const { prototype, UTC, parse } = Native;
  const { getTime, setTime, toUTCString, toISOString, getUTCFullYear, setUTCFullYear } = prototype;
  const { toPrimitive } = Symbol;
  const { trunc } = Math;
  const { concat } = String.prototype;
  const Range = RangeError;
  const Type = TypeError;

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  const primitive = (value) => {
    const exotic = value[toPrimitive];
    if (exotic !== undefined && exotic !== null) {
      const result = apply(exotic, value, ["default"]);
      if (!isObject(result)) return result;
    } else {
      const first = value.valueOf;
      if (typeof first === "function") {
        const result = apply(first, value, []);
        if (!isObject(result)) return result;
      }
      const second = value.toString;
      if (typeof second === "function") {
        const result = apply(second, value, []);
        if (!isObject(result)) return result;
      }
    }
    throw new Type("Cannot convert object to primitive value");
  };

  // The parser of the engine takes a text without a zone as local time.
  const instant = (text) => parse(native.zoned(text));

  const time = (value) => {
    if (isObject(value)) {
      if (native.isDate(value)) return apply(getTime, value, []);
      value = primitive(value);
    }
    return typeof value === "string" ? instant(value) : +value;
  };

  // The original must be out of reach: it reads the clock.
  function Replacement(year, month, date, hours, minutes, seconds, ms) {
    if (new.target === undefined) throw native.refusal("Date()");
    const count = arguments.length;
    if (count === 0) throw native.refusal("new Date()");
    const made = construct(Native, [count === 1 ? time(year) : apply(UTC, undefined, arguments)]);
    if (new.target !== Replacement) {
      // Not left to the original: a getter called from there could pick it off the stack.
      const wanted = new.target.prototype;
      if (isObject(wanted)) setPrototypeOf(made, wanted);
    }
    return made;
  }
  defineProperty(Replacement, "name", { value: "Date" });
  defineProperty(Replacement, "prototype", { value: prototype, writable: false });

  const define = (target, methods, length) => {
    for (const name in methods) {
      const value = methods[name];
      if (length !== undefined) defineProperty(value, "length", { value: length });
      defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
    }
  };

  define(Replacement, {
    now() {
      throw native.refusal("Date.now()");
    },
    parse(text) {
      // Not a template literal: the interpreter makes a method call of it.
      return instant(apply(concat, "", [text]));
    },
    UTC,
  });

  const fields = {
    FullYear: 3, Month: 2, Date: 1, Day: 0, Hours: 4, Minutes: 3, Seconds: 2, Milliseconds: 1,
  };
  for (const field in fields) {
    const get = prototype[`getUTC${field}`];
    define(prototype, {
      [`get${field}`]() {
        return apply(get, this, []);
      },
    });
    const set = prototype[`setUTC${field}`];
    if (set === undefined) continue;
    define(prototype, {
      [`set${field}`](...values) {
        return apply(set, this, values);
      },
    }, fields[field]);
  }

  const text = (date, form) => native.text(apply(toUTCString, date, []), form);
  define(prototype, {
    toString() {
      return text(this, 0);
    },
    toDateString() {
      return text(this, 1);
    },
    toTimeString() {
      return text(this, 2);
    },
    toISOString() {
      const value = apply(getTime, this, []);
      if (value !== value) throw new Range("Invalid time value");
      return apply(toISOString, this, []);
    },
    getTimezoneOffset() {
      const value = apply(getTime, this, []);
      return value === value ? 0 : value;
    },
    getYear() {
      return apply(getUTCFullYear, this, []) - 1900;
    },
    setYear(year) {
      apply(getTime, this, []);
      year = +year;
      if (year !== year) return apply(setTime, this, [year]);
      const whole = trunc(year);
      return apply(setUTCFullYear, this, [whole >= 0 && whole <= 99 ? 1900 + whole : year]);
    },
  });

  defineProperty(prototype, "constructor", { value: Replacement });
  defineProperty(globalThis, "Date", { value: Replacement });
})
