(function (native) {
  "use strict";
  const { apply, defineProperty } = Reflect;
  const { isArray } = Array;
  const { iterator, species } = Symbol;
  const { min, trunc } = Math;
  const { MAX_SAFE_INTEGER } = Number;
  const NativeArray = Array;
  const Boxed = Object;
  const Type = TypeError;

  const { concat } = String.prototype;
  // The interpreter makes a method call of a template literal, which a script could get in between of.
  const textOf = (value) => apply(concat, "", [value]);

  const define = (target, methods) => {
    for (const name in methods) {
      defineProperty(target, name, {
        value: methods[name], writable: true, enumerable: false, configurable: true,
      });
    }
  };
  const integer = (value) => {
    value = trunc(value);
    return value === value ? value + 0 : 0;
  };
  const lengthOf = (object) => {
    const length = integer(object.length);
    return length > 0 ? min(length, MAX_SAFE_INTEGER) : 0;
  };
  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  // A copy of the standard's algorithm: loops written in JavaScript are interrupted like any other.
  const emptyLike = (source) => {
    if (!isArray(source)) return [];
    let Class = source.constructor;
    if (isObject(Class)) Class = Class[species] ?? undefined;
    return Class === undefined || Class === NativeArray ? [] : new Class(0);
  };
  const flatten = (target, source, length, start, depth, map, thisArg) => {
    for (let i = 0; i < length; i++) {
      if (!(i in source)) continue;
      let value = source[i];
      if (map !== undefined) value = apply(map, thisArg, [value, i, source]);
      if (depth > 0 && isArray(value)) {
        start = flatten(target, value, lengthOf(value), start, depth - 1);
      } else {
        // Not an assignment: a script may have put a setter on the prototype.
        defineProperty(target, start++, {
          __proto__: null, value, writable: true, enumerable: true, configurable: true,
        });
      }
    }
    return start;
  };
  define(NativeArray.prototype, {
    flat(depth = undefined) {
      const source = Boxed(this);
      const length = lengthOf(source);
      const levels = depth === undefined ? 1 : integer(depth);
      const target = emptyLike(source);
      flatten(target, source, length, 0, levels);
      return target;
    },
    flatMap(callback, thisArg = undefined) {
      const source = Boxed(this);
      const length = lengthOf(source);
      if (typeof callback !== "function") throw new Type("flatMap mapper function is not callable");
      const target = emptyLike(source);
      flatten(target, source, length, 0, 1, callback, thisArg);
      return target;
    },
  });

  define(String, {
    raw(template, ...substitutions) {
      const literals = Boxed(Boxed(template).raw);
      const length = lengthOf(literals);
      let result = "";
      for (let i = 0; i < length; i++) {
        result += textOf(literals[i]);
        if (i + 1 < length && i < substitutions.length) result += textOf(substitutions[i]);
      }
      return result;
    },
  });

  // Built-in iterators are drained without a call; one that is written in JavaScript is not.
  const polled = (source) => {
    const { next } = source;
    return {
      __proto__: null,
      next() {
        return apply(next, source, []);
      },
      return() {
        const close = source.return;
        return close === undefined || close === null ? { done: true, value: undefined } : apply(close, source, []);
      },
    };
  };
  const { drop } = Iterator.prototype;
  define(Iterator.prototype, {
    drop(count) {
      return apply(drop, isObject(this) ? polled(this) : this, [count]);
    },
  });
  const { sumPrecise } = Math;
  define(Math, {
    sumPrecise(items) {
      return apply(sumPrecise, undefined, [{ [iterator]: () => polled(items[iterator]()) }]);
    },
  });
  const SetPrototype = Set.prototype;
  for (const name of [
    "difference", "intersection", "isDisjointFrom", "isSubsetOf", "isSupersetOf", "symmetricDifference", "union",
  ]) {
    const original = SetPrototype[name];
    define(SetPrototype, {
      [name](other) {
        if (!isObject(other) || native.isCollection(other)) return apply(original, this, [other]);
        const { size, has, keys } = other;
        return apply(original, this, [{
          size,
          has: typeof has === "function" ? (value) => apply(has, other, [value]) : has,
          keys: typeof keys === "function" ? () => polled(apply(keys, other, [])) : keys,
        }]);
      },
    });
  }

  return (a, b) => {
    a = textOf(a);
    b = textOf(b);
    return a < b ? -1 : a > b ? 1 : 0;
  };
})
