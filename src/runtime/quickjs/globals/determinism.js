(function (native) {
  "use strict";
  const { defineProperty, getPrototypeOf, setPrototypeOf } = Reflect;
  const Denied = EvalError;

  delete globalThis.eval;
  for (const name of native.absent) delete globalThis[name];

  const { random } = {
    random() {
      throw native.refusal("Math.random()");
    },
  };
  defineProperty(Math, "random", { value: random });

  // Prototypes stay, so `instanceof` and the methods of functions keep working.
  const close = (prototype, parent) => {
    const original = prototype.constructor;
    const closed = function (code) {
      throw new Denied("Code generation from strings disallowed for this context");
    };
    defineProperty(closed, "name", { value: original.name });
    defineProperty(closed, "prototype", { value: prototype, writable: false });
    if (parent) setPrototypeOf(closed, parent);
    // No `writable` here: each prototype keeps its own.
    defineProperty(prototype, "constructor", { value: closed });
    return closed;
  };
  const closed = close(Function.prototype);
  defineProperty(globalThis, "Function", { value: closed });
  close(getPrototypeOf(async function () {}), closed);
  close(getPrototypeOf(function* () {}), closed);
  close(getPrototypeOf(async function* () {}), closed);
})
