(function (native) {
  "use strict";
  const { apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor } = Reflect;
  const ErrorType = Error, PromiseType = Promise, RegExpType = RegExp, BigIntType = BigInt, ProxyType = Proxy;
  const text = String;
  const { concat } = String.prototype;

  // The interpreter counts frames that scripts do not see, so it is told of more than what scripts ask for.
  const tell = getOwnPropertyDescriptor(ErrorType, "stackTraceLimit").set;
  let limit;
  const { get, set } = {
    get: () => limit,
    set(value) {
      limit = value;
      apply(tell, ErrorType, [native.limit(typeof value === "number" ? value : undefined)]);
    },
  };
  set(10);
  defineProperty(ErrorType, "stackTraceLimit", { get, set, enumerable: true, configurable: true });
  // Scripts hand objects of all kinds to these, so they may throw.
  const headline = (error) => {
    const { name, message } = error;
    const first = name === undefined ? "Error" : text(name), second = message === undefined ? "" : text(message);
    return first === "" || second === "" ? first + second : apply(concat, first, [": ", second]);
  };
  const keep = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
  const { complete, replace, captureStackTrace } = {
    complete(frames, skipped, limit, line, column) {
      const shown = typeof frames === "string" ? frames : native.print(frames, skipped, limit, line, column);
      const stack = headline(this) + shown;
      if (getOwnPropertyDescriptor(this, "stack")?.set === replace) keep(this, "stack", stack);
      return stack;
    },
    replace(value) {
      keep(this, "stack", value);
    },
    captureStackTrace(target, caller) {
      native.capturing(true);
      try {
        apply(capture, ErrorType, [target, caller]);
      } finally {
        native.capturing(false);
      }
      const frames = getOwnPropertyDescriptor(target, "stack")?.value;
      if (typeof frames === "string") native.attach(target, frames, prepare);
    },
  };
  const capture = ErrorType.captureStackTrace;
  const { prepare } = native;
  prepare.complete = complete;
  prepare.replace = replace;
  ErrorType.prepareStackTrace = prepare;
  keep(ErrorType, "captureStackTrace", captureStackTrace);
  // A script's own hook would be handed the functions on the stack, those of the engine included.
  deleteProperty(ErrorType, "prepareStackTrace");
  // Every error has a stack of its own.
  deleteProperty(ErrorType.prototype, "stack");

  // What the interpreter says about a value without saying which.
  const guard = (name, Native, say) => {
    const complain = (error, args) => {
      if (native.isLatest(error)) {
        const message = say(error.message, args);
        if (message !== undefined) keep(error, "message", message);
      }
      return error;
    };
    const guarded = new ProxyType(Native, {
      __proto__: null,
      apply(target, self, args) {
        try {
          // A pattern that it made itself is handed back, and not recognised by the constructor behind this one.
          if (args.length === 1 && isPattern(args[0]) && args[0].constructor === guarded) return args[0];
          return apply(target, self, args);
        } catch (error) {
          throw complain(error, args);
        }
      },
      construct(target, args, newTarget) {
        try {
          return construct(target, args, newTarget);
        } catch (error) {
          throw complain(error, args);
        }
      },
    });
    defineProperty(globalThis, name, { value: guarded });
    defineProperty(Native.prototype, "constructor", { value: guarded });
    return guarded;
  };
  const { get: sourceOf } = getOwnPropertyDescriptor(RegExpType.prototype, "source");
  const { get: flagsOf } = getOwnPropertyDescriptor(RegExpType.prototype, "flags");
  const isPattern = (value) => typeof value === "object" && value !== null && native.isRegExp(value);
  const guardedRegExp = guard("RegExp", RegExpType, (message, [pattern, flags]) => {
    const ofPattern = isPattern(pattern);
    flags = flags === undefined ? (ofPattern ? apply(flagsOf, pattern, []) : "") : text(flags);
    return native.regexp(message, ofPattern ? apply(sourceOf, pattern, []) : text(pattern), flags);
  });
  // What splits a text makes a copy of the pattern, which cannot fail.
  const { get: copier } = Reflect.getOwnPropertyDescriptor({
    get [Symbol.species]() {
      return this === guardedRegExp ? RegExpType : this;
    },
  }, Symbol.species);
  defineProperty(RegExpType, Symbol.species, { get: copier });
  guard("BigInt", BigIntType, (message, [value]) => native.value("BigInt", message, text(value)));

  const StringPrototype = String.prototype;
  const { match, matchAll, repeat, search } = StringPrototype;
  const searched = (method, self, pattern, flags) => {
    try {
      return apply(method, self, [pattern]);
    } catch (error) {
      if (native.isLatest(error) && (typeof pattern !== "object" || pattern === null)) {
        const message = native.regexp(error.message, text(pattern), flags);
        if (message !== undefined) keep(error, "message", message);
      }
      throw error;
    }
  };
  const methods = {
    repeat(count) {
      try {
        return apply(repeat, this, [count]);
      } catch (error) {
        if (native.isLatest(error)) {
          const message = native.value("repeat", error.message, text(count));
          if (message !== undefined) keep(error, "message", message);
        }
        throw error;
      }
    },
    match(pattern) {
      return searched(match, this, pattern, "");
    },
    matchAll(pattern) {
      return searched(matchAll, this, pattern, "g");
    },
    search(pattern) {
      return searched(search, this, pattern, "");
    },
    // The interpreter gives the error that sums up the others no message. Only its constructor is in between, so it
    // arrives no later than otherwise.
    any(values) {
      const Class = this;
      if (typeof Class !== "function") return apply(any, Class, [values]);
      const Capability = function (executor) {
        return new Class((resolve, reject) => {
          executor(resolve, (error) => {
            if (native.isEmptyAggregate(error)) {
              keep(error, "message", "All promises were rejected");
              native.attach(error, "", prepare);
            }
            reject(error);
          });
        });
      };
      Capability.resolve = (value) => apply(Class.resolve, Class, [value]);
      return apply(any, Capability, [values]);
    },
  };
  const { any } = PromiseType;
  for (const name of ["match", "matchAll", "repeat", "search"]) {
    defineProperty(StringPrototype, name, { value: methods[name] });
  }
  defineProperty(PromiseType, "any", { value: methods.any });
})
