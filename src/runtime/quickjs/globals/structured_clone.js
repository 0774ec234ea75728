(function (native) {
  "use strict";
  const { apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf } = Reflect;
  const { keys: keysOf, hasOwn, prototype: ObjectPrototype } = Object;
  const { iterator } = Symbol;
  const Text = String;
  const ArrayPrototype = Array.prototype;
  const Boxed = Object;
  const Dom = DOMException;
  const Type = TypeError;
  const getter = (Class, name) => getOwnPropertyDescriptor(Class.prototype ?? Class, name).get;

  const { getTime } = Date.prototype;
  const NativeDate = Date, NativeRegExp = RegExp, NativeMap = Map, NativeSet = Set;
  const NativeBuffer = ArrayBuffer, NativeView = DataView, Bytes = Uint8Array;
  const { get: mapGet, set: mapSet, forEach: mapEach } = Map.prototype;
  const { add: setAdd, forEach: setEach, has: setHas } = Set.prototype;
  const { slice: bufferSlice, transfer: bufferTransfer } = ArrayBuffer.prototype;
  const { set: bytesSet } = Uint8Array.prototype;
  const { toString: functionText } = Function.prototype;
  const source = getter(RegExp, "source"), flags = getter(RegExp, "flags");
  const detached = getter(ArrayBuffer, "detached"), bufferLength = getter(ArrayBuffer, "byteLength");
  const resizable = getter(ArrayBuffer, "resizable"), maxLength = getter(ArrayBuffer, "maxByteLength");
  const Typed = getPrototypeOf(Uint8Array);
  const typedName = getter(Typed, Symbol.toStringTag), typedLength = getter(Typed, "length");
  const typedBuffer = getter(Typed, "buffer"), typedOffset = getter(Typed, "byteOffset");
  const viewBuffer = getter(DataView, "buffer"), viewOffset = getter(DataView, "byteOffset");
  const viewLength = getter(DataView, "byteLength");

  const named = (classes) => {
    const result = { __proto__: null };
    for (const Class of classes) result[Class.name] = Class;
    return result;
  };
  const typedClasses = named([
    Uint8ClampedArray, Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array,
    BigUint64Array, Float16Array, Float32Array, Float64Array,
  ]);
  const errorClasses = named([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]);
  const PlainError = Error;

  const OBJECT = 1, ARRAY = 2, DATE = 3, REGEXP = 4, MAP = 5, SET = 6, ERROR = 7, BUFFER = 8, TYPED = 9, VIEW = 10,
    DOM = 11;
  // Primitive wrappers are known by the method that unwraps them.
  const kinds = { __proto__: null };
  const learn = (sample, kind) => {
    kinds[native.classOf(sample)] = kind;
  };
  learn({}, OBJECT);
  learn([], ARRAY);
  learn((function () { return arguments; })(), OBJECT);
  learn(construct(NativeDate, [0]), DATE);
  learn(/x/, REGEXP);
  learn(new NativeMap(), MAP);
  learn(new NativeSet(), SET);
  learn(new PlainError(), ERROR);
  learn(new NativeBuffer(0), BUFFER);
  learn(new NativeView(new NativeBuffer(0)), VIEW);
  learn(new Dom(), DOM);
  for (const name in typedClasses) learn(new typedClasses[name](0), TYPED);
  for (const value of [0, "", false, 0n]) learn(Boxed(value), value.valueOf);

  const refuse = (what) => new Dom(what + " could not be cloned.", "DataCloneError");
  const describe = (object) => {
    if (typeof object === "function") return apply(functionText, object, []);
    let name = "Object";
    // A proxy would see the questions.
    if (!native.isProxy(object)) {
      for (let at = getPrototypeOf(object); at !== null && !native.isProxy(at); at = getPrototypeOf(at)) {
        const Class = getOwnPropertyDescriptor(at, "constructor")?.value;
        if (typeof Class === "function") {
          const found = getOwnPropertyDescriptor(Class, "name")?.value;
          if (typeof found === "string" && found !== "") name = found;
          break;
        }
      }
    }
    return "#<" + name + ">";
  };

  const copyBuffer = (buffer) => {
    if (apply(detached, buffer, [])) {
      throw new Dom("An ArrayBuffer is detached and could not be cloned.", "DataCloneError");
    }
    if (!apply(resizable, buffer, [])) return apply(bufferSlice, buffer, [0]);
    const copy = new NativeBuffer(apply(bufferLength, buffer, []), { maxByteLength: apply(maxLength, buffer, []) });
    apply(bytesSet, new Bytes(copy), [new Bytes(buffer)]);
    return copy;
  };

  const hide = (object, name, value) =>
    defineProperty(object, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });

  const copyError = (error) => {
    const name = error.name;
    const Class = (name === undefined ? undefined : errorClasses[Text(name)]) ?? PlainError;
    const copy = new Class();
    const message = getOwnPropertyDescriptor(error, "message");
    if (message !== undefined && "value" in message) hide(copy, "message", Text(message.value));
    const stack = error.stack;
    hide(copy, "stack", typeof stack === "string" ? stack : undefined);
    return copy;
  };

  // Cycles and depth are no matter: containers are made empty, remembered, and filled from a list.
  const cloneAll = (root, memory) => {
    const pending = [];
    const clone = (value) => {
      if (typeof value === "symbol") throw refuse(Text(value));
      if (typeof value === "function") throw refuse(describe(value));
      if (typeof value !== "object" || value === null) return value;
      const known = apply(mapGet, memory, [value]);
      if (known !== undefined) return known;
      const kind = kinds[native.classOf(value)];
      if (kind === undefined) throw refuse(describe(value));
      const copy = make(value, kind);
      apply(mapSet, memory, [value, copy]);
      if (kind === OBJECT || kind === ARRAY || kind === MAP || kind === SET || kind === ERROR) {
        pending[pending.length] = { value, kind, copy };
      }
      return copy;
    };
    const make = (value, kind) => {
      switch (kind) {
        // Without a prototype while it is filled: no setter can get in between.
        case OBJECT: return { __proto__: null };
        case ARRAY: {
          const copy = [];
          copy.length = value.length;
          setPrototypeOf(copy, null);
          return copy;
        }
        case DATE: return construct(NativeDate, [apply(getTime, value, [])]);
        case REGEXP: return new NativeRegExp(apply(source, value, []), apply(flags, value, []));
        case MAP: return new NativeMap();
        case SET: return new NativeSet();
        case ERROR: return copyError(value);
        case BUFFER: return copyBuffer(value);
        case TYPED: return new typedClasses[apply(typedName, value, [])](
          clone(apply(typedBuffer, value, [])), apply(typedOffset, value, []), apply(typedLength, value, []));
        case VIEW: return new NativeView(
          clone(apply(viewBuffer, value, [])), apply(viewOffset, value, []), apply(viewLength, value, []));
        case DOM: return new Dom(value.message, value.name);
        default: return Boxed(apply(kind, value, []));
      }
    };
    const fill = ({ value, kind, copy }) => {
      if (kind === MAP) {
        const flat = [];
        apply(mapEach, value, [(item, key) => {
          flat[flat.length] = key;
          flat[flat.length] = item;
        }]);
        for (let i = 0; i < flat.length; i += 2) apply(mapSet, copy, [clone(flat[i]), clone(flat[i + 1])]);
        return;
      }
      if (kind === SET) {
        const flat = [];
        apply(setEach, value, [(item) => {
          flat[flat.length] = item;
        }]);
        for (let i = 0; i < flat.length; i++) apply(setAdd, copy, [clone(flat[i])]);
        return;
      }
      if (kind === ERROR) {
        const cause = getOwnPropertyDescriptor(value, "cause");
        if (cause !== undefined && "value" in cause) hide(copy, "cause", clone(cause.value));
        return;
      }
      const keys = keysOf(value);
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i];
        if (hasOwn(value, key)) copy[key] = clone(value[key]);
      }
    };
    const result = clone(root);
    for (let i = 0; i < pending.length; i++) fill(pending[i]);
    for (let i = 0; i < pending.length; i++) {
      const { kind, copy } = pending[i];
      if (kind === OBJECT) setPrototypeOf(copy, ObjectPrototype);
      else if (kind === ARRAY) setPrototypeOf(copy, ArrayPrototype);
    }
    return result;
  };

  const error = (code, message) => {
    const result = new Type(message);
    defineProperty(result, "code", {
      __proto__: null, value: code, writable: true, enumerable: true, configurable: true,
    });
    return result;
  };

  // A transferred buffer is copied like any other and detached at the end, so views on it stay simple.
  const transferred = (options) => {
    const list = [];
    if (options === undefined || options === null) return list;
    if (typeof options !== "object" && typeof options !== "function") {
      throw error("ERR_INVALID_ARG_TYPE", "The options argument must be either an object or undefined");
    }
    const transfer = options.transfer;
    if (transfer === undefined || transfer === null) return list;
    if (typeof transfer !== "object" || typeof transfer[iterator] !== "function") {
      throw error("ERR_INVALID_ARG_TYPE", "Optional transferList argument must be an iterable");
    }
    const seen = new NativeSet();
    for (const item of transfer) {
      if (typeof item !== "object" || item === null || kinds[native.classOf(item)] !== BUFFER) {
        throw error("ERR_INVALID_TRANSFER_OBJECT", "Found invalid object in transferList");
      }
      if (apply(setHas, seen, [item])) {
        throw new Dom("Transfer list contains duplicate ArrayBuffer", "DataCloneError");
      }
      if (apply(detached, item, [])) {
        throw new Dom("An ArrayBuffer is detached and could not be cloned.", "DataCloneError");
      }
      apply(setAdd, seen, [item]);
      list[list.length] = item;
    }
    return list;
  };

  const { structuredClone } = {
    structuredClone(value, options = undefined) {
      if (arguments.length === 0) throw error("ERR_MISSING_ARGS", "The value argument must be specified");
      const list = transferred(options);
      const result = cloneAll(value, new NativeMap());
      for (let i = 0; i < list.length; i++) apply(bufferTransfer, list[i], []);
      return result;
    },
  };
  defineProperty(globalThis, "structuredClone", {
    value: structuredClone, writable: true, enumerable: true, configurable: true,
  });

})
