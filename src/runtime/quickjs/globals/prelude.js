// What every unit of this folder builds on: calls that leave the sandbox, errors, and read-only values.
// Everything used later is captured here, since a script may overwrite any built-in.
const { apply, ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect;
const { stringify, parse } = JSON;
const isArray = Array.isArray;
const ErrorType = Error;
const TypeErrorType = TypeError;
const PromiseType = Promise;
const ProxyType = Proxy;
const text = String;
const mapGet = Map.prototype.get;
const mapSet = Map.prototype.set;
const mapDelete = Map.prototype.delete;
const weakGet = WeakMap.prototype.get;
const weakSet = WeakMap.prototype.set;
const setAdd = WeakSet.prototype.add;
const promiseThen = Promise.prototype.then;
const withResolvers = Promise.withResolvers;
const isBody = setup.body;
const errorTypes = {
  __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError,
};

// --- calls -----------------------------------------------------------------------------------------------------

/**
 * What the engine will settle, by slot: the two functions of a promise, or the callback of a timer and nothing.
 * Arrays, since slots are reused and stay dense; QuickJS's Map hashes whole numbers so that most of them collide.
 */
const resolvers = [];
const rejecters = [];
// Without a prototype, so that no setter of a script gets in between.
Reflect.setPrototypeOf(resolvers, null);
Reflect.setPrototypeOf(rejecters, null);

let newResolve;
let newReject;
const executor = (resolve, reject) => {
  newResolve = resolve;
  newReject = reject;
};

/** How many pending calls remember where they were made. Beyond that a failure says only what failed. */
const MAX_SITES = 1000;
/** Where the calls were made, by slot: an error each, for its stack. */
const sites = [];
Reflect.setPrototypeOf(sites, null);

/** A promise for the call in a slot. Made without an object or a closure per call: there may be very many. */
const promiseFor = (slot) => {
  const promise = new PromiseType(executor);
  resolvers[slot] = newResolve;
  rejecters[slot] = newReject;
  newResolve = newReject = undefined;
  // Slots are dense, so the number says how many calls are pending.
  if (slot < MAX_SITES) sites[slot] = new ErrorType();
  return promise;
};

const rejected = (error) => {
  const promise = new PromiseType(executor);
  newReject(error);
  newResolve = newReject = undefined;
  return promise;
};

/** The engine's way in: settles the call in a slot, which is free again from then on. */
const settle = (slot, failed, value, total, spent) => {
  budgetState.total = total;
  budgetState.spent = spent;
  const resolve = resolvers[slot];
  const reject = rejecters[slot];
  const site = sites[slot];
  resolvers[slot] = rejecters[slot] = undefined;
  if (site !== undefined) sites[slot] = undefined;
  // Neither: the memory ran out before the promise was made, and the script knows.
  if (reject === undefined) resolve?.();
  else if (failed) reject(toError(value, site));
  else resolve(value);
};

// --- errors ----------------------------------------------------------------------------------------------------

/** Which call an error is the failure of, so that the host can find its own error object again. */
const callOfError = new WeakMap();
/** Errors that mean "the run is being cancelled": no primitive swallows them. */
const cancellations = new WeakSet();
const hasCancellation = WeakSet.prototype.has;
const isCancellation = (error) =>
  typeof error === "object" && error !== null && apply(hasCancellation, cancellations, [error]);

const hidden = (object, key, value) =>
  defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });

/** An Error from the engine's description of one; `site` is an error made where the call was. */
const toError = (data, site) => {
  const Type = errorTypes[data.name] ?? ErrorType;
  const error = Type === AggregateError ? new ErrorType(data.message) : new Type(data.message);
  if (data.name !== undefined && data.name !== error.name) hidden(error, "name", data.name);
  // The frames of where the engine built the error would mislead.
  const stack = site === undefined ? data.stack : site.stack;
  const own = typeof stack === "string" ? frames(stack, 0) : "";
  hidden(error, "stack", own === "" ? headline(error) : `${headline(error)}\n${own}`);
  if (data.cause !== undefined) hidden(error, "cause", toError(data.cause));
  if (data.code !== undefined) error.code = data.code;
  if (data.hint !== undefined) hidden(error, "hint", data.hint);
  if (data.call !== undefined) apply(weakSet, callOfError, [error, data.call]);
  if (data.code === "ERR_RUN_CANCELLED") apply(setAdd, cancellations, [error]);
  return error;
};

const frameLine = /^\s*at /;
const ownFrame = /\((?:workflow:[^)]*|native)\)/;
const regExpTest = RegExp.prototype.test;
const { endsWith, slice, split, startsWith } = String.prototype;
const joinArray = Array.prototype.join;

/** `Name: message`, with which a stack begins. */
const headline = (error) => {
  const name = text(error.name), message = text(error.message);
  return name === "" || message === "" ? name + message : `${name}: ${message}`;
};

/** The author's frames in a stack, from the first one behind `start` on, and what stands between them. */
const frames = (stack, start) => {
  const kept = [];
  const lines = apply(split, apply(slice, stack, [start]), ["\n"]);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    if (line === "" || (kept.length === 0 && !apply(regExpTest, frameLine, [line]))) continue;
    if (!apply(regExpTest, ownFrame, [line])) kept[kept.length] = line;
  }
  return apply(joinArray, kept, ["\n"]);
};

/** An error, or whatever else was thrown, as plain data. Never throws. */
const describe = (thrown, depth = 0) => {
  try {
    if (!(thrown instanceof ErrorType)) {
      let message;
      try {
        message = text(thrown);
      } catch {
        message = "[object Object]";
      }
      return { message };
    }
    const data = { name: text(thrown.name), message: text(thrown.message) };
    const stack = thrown.stack;
    if (typeof stack !== "string") {
      // As the original shows an error without a stack: by its message.
      if (data.message === "") return { message: text(thrown) };
      delete data.name;
    } else {
      const line = headline(thrown);
      const own = frames(stack, apply(startsWith, stack, [line]) ? line.length : 0);
      // A text of the script's own stands for all of the error. Its name may have changed since the stack was made.
      const known = stack === line || (data.message !== "" && apply(endsWith, stack, [`: ${data.message}`]));
      if (own === "" && !known) return { message: stack };
      if (own !== "") data.stack = own;
    }
    if (typeof thrown.code === "string") data.code = thrown.code;
    if (typeof thrown.hint === "string") data.hint = thrown.hint;
    const slot = apply(weakGet, callOfError, [thrown]);
    if (slot !== undefined) data.call = slot;
    if (depth < 8 && thrown.cause !== undefined) data.cause = describe(thrown.cause, depth + 1);
    return data;
  } catch (error) {
    return { message: "an error that cannot be described" };
  }
};

// --- read-only values ------------------------------------------------------------------------------------------

const viewOf = new WeakMap();
const refuse = (message) => () => {
  throw new TypeErrorType(message);
};
const refusals = (message) => ({
  __proto__: null,
  set: refuse(message),
  defineProperty: refuse(message),
  deleteProperty: refuse(message),
  setPrototypeOf: refuse(message),
});

const argsMessage = "Cannot modify workflow args";
const argsTraps = refusals(argsMessage);
// The engine's own methods may find nothing to write (sorting a sorted list) and then would not be refused.
const mutators = new Set(["push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin"]);
const setHas = Set.prototype.has;
const reflectGet = Reflect.get;
argsTraps.get = (target, key, receiver) => {
  const value = reflectGet(target, key, receiver);
  if (typeof value === "object" && value !== null) return readOnly(value);
  if (typeof value === "function" && isArray(target) && apply(setHas, mutators, [key])) return refuse(argsMessage);
  return value;
};

/** A deep read-only view, one per object, made when it is first reached. */
const readOnly = (value) => {
  if (typeof value !== "object" || value === null) return value;
  let view = apply(weakGet, viewOf, [value]);
  if (view === undefined) {
    view = new ProxyType(value, argsTraps);
    apply(weakSet, viewOf, [value, view]);
  }
  return view;
};

/** A function that cannot be changed, with the original's text for the attempt. */
const protectFunction = (name, fn) => {
  return new ProxyType(fn, refusals(`Cannot modify workflow global ${name}`));
};

/** The hooks, in the order in which the original lists them. */
const hooks = { __proto__: null };
