(function (native) {
  "use strict";
  const Json = JSON;
  const { apply, defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
  const { keys: keysOf } = Object;
  const { isArray } = Array;
  const { add, delete: remove, has } = Set.prototype;
  const { parse: parseNative, stringify: stringifyNative } = Json;
  const { concat } = String.prototype;
  const { identity } = native;
  const Type = TypeError, Syntax = SyntaxError, Visited = Set;
  const TypePrototype = TypeError.prototype;

  // The words of V8: the path from where the circle starts to where it closes, shortened in the middle.
  const circle = (root) => {
    let message = "Converting circular structure to JSON";
    const explored = new Visited(), open = new Visited();
    const path = [];
    const enter = (object, key) => {
      apply(add, open, [object]);
      path[path.length] = { object, key, keys: keysOf(object), next: 0 };
    };
    const property = ({ object, key }) => (isArray(object) ? "index " + key : "property '" + key + "'");
    const constructor = (object) => {
      const name = getOwnPropertyDescriptor(getPrototypeOf(object) ?? {}, "constructor")?.value?.name;
      return "object with constructor '" + (typeof name === "string" ? name : "Object") + "'";
    };
    enter(root, "");
    while (path.length > 0) {
      const top = path[path.length - 1];
      if (top.next === top.keys.length) {
        apply(remove, open, [top.object]);
        apply(add, explored, [top.object]);
        path.length--;
        continue;
      }
      const key = top.keys[top.next++];
      const value = getOwnPropertyDescriptor(top.object, key)?.value;
      if (typeof value !== "object" || value === null || native.isProxy(value)) continue;
      if (apply(has, explored, [value])) continue;
      if (!apply(has, open, [value])) {
        enter(value, key);
        continue;
      }
      let start = 0;
      while (path[start].object !== value) start++;
      const line = (at) => {
        const from = property({ object: path[at - 1].object, key: path[at].key });
        message += "\n    |     " + from + " -> " + constructor(path[at].object);
      };
      message += "\n    --> starting at " + constructor(value);
      let at = start + 1;
      for (; at < path.length && at < start + 3; at++) line(at);
      if (path.length > at + 1) message += "\n    |     ...";
      if (at < path.length) line(path.length - 1);
      return message + "\n    --- " + property({ object: top.object, key }) + " closes the circle";
    }
    return message;
  };

  const { parse, stringify } = {
    parse(text, reviver) {
      // Not a template literal: the interpreter makes a method call of it.
      text = apply(concat, "", [text]);
      try {
        return apply(parseNative, Json, [text, reviver]);
      } catch (error) {
        // What the reviver throws is thrown on a text that is valid.
        const message = native.explain(text);
        throw message === undefined ? error : new Syntax(message);
      }
    },
    stringify(value, replacer, space) {
      if (isArray(replacer)) native.checkLength(replacer);
      else if (typeof replacer !== "function") replacer = identity;
      try {
        return apply(stringifyNative, Json, [value, replacer, space]);
      } catch (error) {
        if (typeof error === "object" && error !== null && !native.isProxy(error)
          && getPrototypeOf(error) === TypePrototype) {
          const message = getOwnPropertyDescriptor(error, "message")?.value;
          if (message === "circular reference") throw new Type(circle(value));
          if (message === "BigInt are forbidden in JSON.stringify") {
            throw new Type("Do not know how to serialize a BigInt");
          }
        }
        throw error;
      }
    },
  };
  const define = (name, value) =>
    defineProperty(Json, name, { value, writable: true, enumerable: false, configurable: true });
  defineProperty(parse, "length", { value: 2 });
  defineProperty(stringify, "length", { value: 3 });
  define("parse", parse);
  define("stringify", stringify);
})
