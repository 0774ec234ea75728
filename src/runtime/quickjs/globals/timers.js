// setTimeout and friends: waits of the engine, so that a replay can repeat them exactly.
let lastTimer = 0;
/** The slot of each timer that is still to come, by the number the script knows, as text: see `resolvers`. */
const timerSlots = new Map();

const clampDelay = (delay) => {
  const ms = +delay;
  return ms >= 1 && ms <= 2147483647 ? Math_trunc(ms) : 1;
};
const Math_trunc = Math.trunc;

const startTimer = (delay, run) => {
  const id = ++lastTimer;
  armTimer(id, clampDelay(delay), () => {
    apply(mapDelete, timerSlots, [text(id)]);
    run();
  });
  return id;
};
const armTimer = (id, delay, run) => {
  const slot = native.timer(delay);
  apply(mapSet, timerSlots, [text(id), slot]);
  resolvers[slot] = run;
  rejecters[slot] = undefined;
  if (slot < MAX_SITES) sites[slot] = undefined;
};
const stopTimer = (id) => {
  const slot = apply(mapGet, timerSlots, [text(id)]);
  if (slot === undefined) return;
  apply(mapDelete, timerSlots, [text(id)]);
  resolvers[slot] = undefined;
  native.cancel(slot);
};
const requireCallback = (name, callback) => {
  if (typeof callback !== "function") {
    throw new TypeErrorType(`${name}() expects a function as its first argument, got ${kindOf(callback)}`);
  }
};

const timerFunctions = {
  setTimeout(callback, delay, ...values) {
    requireCallback("setTimeout", callback);
    return startTimer(delay, () => apply(callback, undefined, values));
  },
  clearTimeout(id) {
    stopTimer(id);
  },
  setInterval(callback, delay, ...values) {
    requireCallback("setInterval", callback);
    const id = ++lastTimer;
    const ms = clampDelay(delay);
    const tick = () => {
      armTimer(id, ms, tick);
      apply(callback, undefined, values);
    };
    armTimer(id, ms, tick);
    return id;
  },
  clearInterval(id) {
    stopTimer(id);
  },
};
for (const name of ownKeys(timerFunctions)) hidden(globalThis, name, timerFunctions[name]);
