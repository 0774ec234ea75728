(function (native) {
  "use strict";
  const { apply, defineProperty, getOwnPropertyDescriptor, ownKeys } = Reflect;
  const { iterator, toStringTag } = Symbol;
  const { concat, toWellFormed } = String.prototype;
  const { sort } = Array.prototype;
  const IteratorPrototype = Iterator.prototype;
  const Type = TypeError;
  const ORIGIN = 1, PROTOCOL = 2, USERNAME = 3, PASSWORD = 4, HOST = 5, HOSTNAME = 6, PORT = 7,
    PATHNAME = 8, SEARCH = 9, HASH = 10;

  const own = (object, name, value) =>
    defineProperty(object, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  const error = (code, message) => {
    const result = new Type(message);
    own(result, "code", code);
    return result;
  };
  const invalid = (input, base) => {
    const result = error("ERR_INVALID_URL", "Invalid URL");
    own(result, "input", input);
    if (base !== undefined) own(result, "base", base);
    return result;
  };
  const missing = (names) => error("ERR_MISSING_ARGS", "The " + names + " must be specified");
  const NAME = '"name" argument', PAIR = '"name" and "value" arguments', URL_ARGUMENT = '"url" argument';
  // The interpreter makes a method call of a template literal, which a script could get in between of.
  const text = (value) => apply(toWellFormed, apply(concat, "", [value]), []);

  // Names and values in turn, in one array.
  let listOf, relist, linked;

  class URLSearchParams {
    #list = [];
    #url = null;
    #changed() {
      if (this.#url !== null) searched(this.#url, native.serialize(this.#list));
    }
    static {
      listOf = (params) => params.#list;
      relist = (params, list) => {
        params.#list = list;
      };
      linked = (url, list) => {
        const params = new URLSearchParams();
        params.#list = list;
        params.#url = url;
        return params;
      };
    }
    static #check(value) {
      if (typeof value !== "object" || value === null || !(#list in value)) {
        throw error("ERR_INVALID_THIS", 'Value of "this" must be of type URLSearchParams');
      }
    }
    constructor(init = undefined) {
      const list = this.#list;
      if (init === undefined || init === null) return;
      if (typeof init !== "object" && typeof init !== "function") {
        this.#list = native.parse(text(init));
        return;
      }
      const method = init[iterator];
      if (method === undefined || method === null) {
        const seen = { __proto__: null };
        const keys = ownKeys(init);
        for (let i = 0; i < keys.length; i++) {
          const key = keys[i];
          const descriptor = getOwnPropertyDescriptor(init, key);
          if (descriptor === undefined || !descriptor.enumerable) continue;
          const name = text(key);
          const value = text(init[key]);
          if (name in seen) {
            list[seen[name]] = value;
          } else {
            seen[name] = list.length + 1;
            list[list.length] = name;
            list[list.length] = value;
          }
        }
        return;
      }
      if (typeof method !== "function") throw error("ERR_ARG_NOT_ITERABLE", "Query pairs must be iterable");
      for (const pair of { [iterator]: () => apply(method, init, []) }) {
        const isObject = (typeof pair === "object" && pair !== null) || typeof pair === "function";
        let count = 0;
        if (isObject && typeof pair[iterator] === "function") {
          for (const part of pair) {
            count++;
            if (count <= 2) list[list.length] = text(part);
          }
        }
        if (count !== 2) {
          throw error("ERR_INVALID_TUPLE", "Each query pair must be an iterable [name, value] tuple");
        }
      }
    }
    get size() {
      URLSearchParams.#check(this);
      return this.#list.length / 2;
    }
    append(name, value) {
      URLSearchParams.#check(this);
      if (arguments.length < 2) throw missing(PAIR);
      name = text(name);
      value = text(value);
      const list = this.#list;
      list[list.length] = name;
      list[list.length] = value;
      this.#changed();
    }
    delete(name, value = undefined) {
      URLSearchParams.#check(this);
      if (arguments.length < 1) throw missing(NAME);
      name = text(name);
      if (value !== undefined) value = text(value);
      const list = this.#list;
      let kept = 0;
      for (let i = 0; i < list.length; i += 2) {
        if (list[i] === name && (value === undefined || list[i + 1] === value)) continue;
        list[kept++] = list[i];
        list[kept++] = list[i + 1];
      }
      list.length = kept;
      this.#changed();
    }
    get(name) {
      URLSearchParams.#check(this);
      if (arguments.length < 1) throw missing(NAME);
      name = text(name);
      const list = this.#list;
      for (let i = 0; i < list.length; i += 2) if (list[i] === name) return list[i + 1];
      return null;
    }
    getAll(name) {
      URLSearchParams.#check(this);
      if (arguments.length < 1) throw missing(NAME);
      name = text(name);
      const list = this.#list;
      const values = [];
      for (let i = 0; i < list.length; i += 2) if (list[i] === name) values[values.length] = list[i + 1];
      return values;
    }
    has(name, value = undefined) {
      URLSearchParams.#check(this);
      if (arguments.length < 1) throw missing(NAME);
      name = text(name);
      if (value !== undefined) value = text(value);
      const list = this.#list;
      for (let i = 0; i < list.length; i += 2) {
        if (list[i] === name && (value === undefined || list[i + 1] === value)) return true;
      }
      return false;
    }
    set(name, value) {
      URLSearchParams.#check(this);
      if (arguments.length < 2) throw missing(PAIR);
      name = text(name);
      value = text(value);
      const list = this.#list;
      let kept = 0;
      let found = false;
      for (let i = 0; i < list.length; i += 2) {
        const same = list[i] === name;
        if (same && found) continue;
        list[kept++] = list[i];
        list[kept++] = same ? value : list[i + 1];
        found ||= same;
      }
      list.length = kept;
      if (!found) {
        list[kept++] = name;
        list[kept++] = value;
      }
      this.#changed();
    }
    sort() {
      URLSearchParams.#check(this);
      const list = this.#list;
      const pairs = [];
      for (let i = 0; i < list.length; i += 2) pairs[pairs.length] = { name: list[i], value: list[i + 1] };
      apply(sort, pairs, [(a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)]);
      for (let i = 0; i < pairs.length; i++) {
        list[2 * i] = pairs[i].name;
        list[2 * i + 1] = pairs[i].value;
      }
      this.#changed();
    }
    entries() {
      URLSearchParams.#check(this);
      return new Entries(this, 0);
    }
    forEach(callback, thisArg = undefined) {
      URLSearchParams.#check(this);
      if (typeof callback !== "function") {
        throw error("ERR_INVALID_ARG_TYPE", 'The "callback" argument must be of type function.');
      }
      for (let i = 0; i < this.#list.length; i += 2) {
        apply(callback, thisArg, [this.#list[i + 1], this.#list[i], this]);
      }
    }
    keys() {
      URLSearchParams.#check(this);
      return new Entries(this, 1);
    }
    values() {
      URLSearchParams.#check(this);
      return new Entries(this, 2);
    }
    toString() {
      URLSearchParams.#check(this);
      return native.serialize(this.#list);
    }
  }

  class Entries {
    #params;
    #kind;
    #at = 0;
    constructor(params, kind) {
      this.#params = params;
      this.#kind = kind;
    }
    next() {
      const list = listOf(this.#params);
      const at = this.#at;
      if (at >= list.length) return { value: undefined, done: true };
      this.#at = at + 2;
      const kind = this.#kind;
      return { value: kind === 0 ? [list[at], list[at + 1]] : list[at + kind - 1], done: false };
    }
  }
  const entries = Entries.prototype;
  delete entries.constructor;
  entries.__proto__ = IteratorPrototype;
  defineProperty(entries, "next", { enumerable: true });
  defineProperty(entries, toStringTag, { value: "URLSearchParams Iterator", configurable: true });

  let searched;

  class URL {
    #href;
    #params = null;
    #get(part) {
      return native.get(this.#href, part);
    }
    #set(part, value) {
      this.#href = native.set(this.#href, part, text(value));
      if (part === SEARCH) this.#relist();
    }
    #relist() {
      if (this.#params !== null) relist(this.#params, native.parse(this.#get(SEARCH)));
    }
    static {
      searched = (url, search) => {
        url.#href = native.set(url.#href, SEARCH, search);
      };
    }
    constructor(url, base = undefined) {
      if (arguments.length === 0) throw missing(URL_ARGUMENT);
      url = text(url);
      if (base !== undefined) base = text(base);
      const href = native.resolve(url, base);
      if (href === undefined) throw invalid(url, base);
      this.#href = href;
    }
    static parse(url, base = undefined) {
      if (arguments.length === 0) throw missing(URL_ARGUMENT);
      const href = native.resolve(text(url), base === undefined ? base : text(base));
      return href === undefined ? null : new URL(href);
    }
    static canParse(url, base = undefined) {
      if (arguments.length === 0) throw missing(URL_ARGUMENT);
      return native.resolve(text(url), base === undefined ? base : text(base)) !== undefined;
    }
    toString() {
      return this.#href;
    }
    get href() {
      return this.#href;
    }
    set href(value) {
      value = text(value);
      const href = native.resolve(value, undefined);
      if (href === undefined) throw invalid(value);
      this.#href = href;
      this.#relist();
    }
    get origin() {
      return this.#get(ORIGIN);
    }
    get protocol() {
      return this.#get(PROTOCOL);
    }
    set protocol(value) {
      this.#set(PROTOCOL, value);
    }
    get username() {
      return this.#get(USERNAME);
    }
    set username(value) {
      this.#set(USERNAME, value);
    }
    get password() {
      return this.#get(PASSWORD);
    }
    set password(value) {
      this.#set(PASSWORD, value);
    }
    get host() {
      return this.#get(HOST);
    }
    set host(value) {
      this.#set(HOST, value);
    }
    get hostname() {
      return this.#get(HOSTNAME);
    }
    set hostname(value) {
      this.#set(HOSTNAME, value);
    }
    get port() {
      return this.#get(PORT);
    }
    set port(value) {
      this.#set(PORT, value);
    }
    get pathname() {
      return this.#get(PATHNAME);
    }
    set pathname(value) {
      this.#set(PATHNAME, value);
    }
    get search() {
      return this.#get(SEARCH);
    }
    set search(value) {
      this.#set(SEARCH, value);
    }
    get searchParams() {
      return (this.#params ??= linked(this, native.parse(this.#get(SEARCH))));
    }
    get hash() {
      return this.#get(HASH);
    }
    set hash(value) {
      this.#set(HASH, value);
    }
    toJSON() {
      return this.#href;
    }
  }

  const expose = (Class) => {
    const { prototype, name } = Class;
    const keys = ownKeys(prototype);
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] !== "constructor") defineProperty(prototype, keys[i], { enumerable: true });
    }
    defineProperty(prototype, toStringTag, { value: name, configurable: true });
    defineProperty(globalThis, name, { value: Class, writable: true, enumerable: false, configurable: true });
  };
  expose(URLSearchParams);
  expose(URL);
  defineProperty(URLSearchParams.prototype, iterator, {
    value: URLSearchParams.prototype.entries, writable: true, enumerable: false, configurable: true,
  });
  defineProperty(URL, "parse", { enumerable: true });
  defineProperty(URL, "canParse", { enumerable: true });
})
