(function (native) {
  "use strict";
  const { apply, defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
  const { isView } = ArrayBuffer;
  const { toStringTag } = Symbol;
  const Bytes = Uint8Array;
  const Range = RangeError;
  const Type = TypeError;
  const { concat } = String.prototype;
  // The interpreter makes a method call of a template literal, which a script could get in between of.
  const textOf = (value) => apply(concat, "", [value]);
  const getter = (prototype, name) => getOwnPropertyDescriptor(prototype, name).get;
  const parts = (prototype) => [
    getter(prototype, "buffer"), getter(prototype, "byteOffset"), getter(prototype, "byteLength"),
  ];
  const typed = parts(getPrototypeOf(Bytes.prototype));
  const view = parts(DataView.prototype);

  const fail = (Kind, code, message) => {
    const error = new Kind(message);
    defineProperty(error, "code", {
      __proto__: null, value: code, writable: true, enumerable: true, configurable: true,
    });
    return error;
  };
  const wrongThis = (name) => fail(Type, "ERR_INVALID_THIS", 'Value of "this" must be of type ' + name);

  const bytes = (input) => {
    if (input === undefined) return new Bytes(0);
    if (native.isBuffer(input)) return new Bytes(input);
    if (!isView(input)) {
      throw fail(Type, "ERR_INVALID_ARG_TYPE",
        'The "list" argument must be an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView.');
    }
    const get = native.isDataView(input) ? view : typed;
    return new Bytes(apply(get[0], input, []), apply(get[1], input, []), apply(get[2], input, []));
  };

  class TextEncoder {
    #brand;
    get encoding() {
      if (!(#brand in this)) throw wrongThis("TextEncoder");
      return "utf-8";
    }
    encode(input = "") {
      if (!(#brand in this)) throw wrongThis("TextEncoder");
      return new Bytes(native.encode(textOf(input)));
    }
    encodeInto(src, dest) {
      if (!(#brand in this)) throw wrongThis("TextEncoder");
      if (typeof src !== "string") {
        throw fail(Type, "ERR_INVALID_ARG_TYPE", 'The "src" argument must be of type string.');
      }
      const result = native.encodeInto(src, dest);
      if (result === undefined) {
        throw fail(Type, "ERR_INVALID_ARG_TYPE", 'The "dest" argument must be an instance of Uint8Array.');
      }
      return result;
    }
  }

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    #rest;
    #started = false;
    constructor(label = "utf-8", options = {}) {
      label = textOf(label);
      const encoding = native.encoding(label);
      if (encoding === undefined) {
        throw fail(Range, "ERR_ENCODING_NOT_SUPPORTED", 'The "' + label + '" encoding is not supported');
      }
      if (options !== null && typeof options !== "object" && typeof options !== "function") {
        throw fail(Type, "ERR_INVALID_ARG_TYPE", 'The "options" argument must be of type object.');
      }
      this.#encoding = encoding;
      this.#fatal = !!options?.fatal;
      this.#ignoreBOM = !!options?.ignoreBOM;
    }
    decode(input = undefined, options = {}) {
      if (!(#fatal in this)) throw wrongThis("TextDecoder");
      const chunk = bytes(input);
      const stream = !!options?.stream;
      const strip = !this.#started && !this.#ignoreBOM;
      const result = native.decode(this.#encoding, this.#rest, chunk, this.#fatal, stream, strip);
      this.#rest = undefined;
      if (result === undefined) {
        this.#started = false;
        throw fail(Type, "ERR_ENCODING_INVALID_ENCODED_DATA",
          "The encoded data was not valid for encoding " + this.#encoding);
      }
      this.#started = stream && (this.#started || result.started);
      this.#rest = result.rest;
      return result.text;
    }
    get encoding() {
      if (!(#fatal in this)) throw wrongThis("TextDecoder");
      return this.#encoding;
    }
    get fatal() {
      if (!(#fatal in this)) throw wrongThis("TextDecoder");
      return this.#fatal;
    }
    get ignoreBOM() {
      if (!(#fatal in this)) throw wrongThis("TextDecoder");
      return this.#ignoreBOM;
    }
  }

  const expose = (Class, names) => {
    const { prototype, name } = Class;
    for (let i = 0; i < names.length; i++) defineProperty(prototype, names[i], { enumerable: true });
    defineProperty(prototype, toStringTag, { value: name, configurable: true });
    defineProperty(globalThis, name, { value: Class, writable: true, enumerable: false, configurable: true });
  };
  expose(TextEncoder, ["encoding", "encode", "encodeInto"]);
  expose(TextDecoder, ["decode", "encoding", "fatal", "ignoreBOM"]);
})
