// workflow:extra: what scripts have beyond the original engine's globals. A further function is one more entry here and in
// `model/globals.rs`.
const extra = {
  __proto__: null,
  sleep(duration) {
    let slot;
    try {
      const isText = typeof duration === "string";
      const ms = typeof duration === "number" ? duration : undefined;
      slot = native.sleep(ms, isText ? duration : undefined, kindOf(duration));
    } catch (error) {
      return rejected(error);
    }
    return promiseFor(slot);
  },
};
const { freeze } = Object;
for (const name of ownKeys(extra)) freeze(extra[name]);
freeze(extra);

// Fixed, since the module takes its exports from here: see `modules.rs`.
defineProperty(globalThis, "SW", {
  __proto__: null, value: freeze({ extra }), writable: false, enumerable: false, configurable: false,
});
