// parallel(thunks, options?): a barrier over functions. Results stand in the order of the functions.
const ArrayType = Array;

/** The refusals of V8 for `tasks.map(…)`, which is what the original runs into. */
const requireMap = (name, value) => {
  if (value === undefined || value === null) {
    throw new TypeErrorType(`Cannot read properties of ${value} (reading 'map')`);
  }
  if (typeof value.map !== "function") throw new TypeErrorType(`${name}.map is not a function`);
};

const kindOf = (value) => {
  if (value === null) return "null";
  if (isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return typeof value === "undefined" ? "undefined" : `a ${typeof value}`;
};

const parallelOptionNames = ["concurrency", "failFast", "minSuccess", "timeoutMs", "settle"];
const includes = Array.prototype.includes;

const parallelOptions = (options, count) => {
  if (typeof options !== "object" || isArray(options)) {
    throw new TypeErrorType(`parallel() options must be an object, got ${kindOf(options)}`);
  }
  const keys = ownKeys(options);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (!apply(includes, parallelOptionNames, [key])) {
      throw new TypeErrorType(
        `parallel() does not know the option ${text(key)}; it knows ${apply(joinArray, parallelOptionNames, [", "])}`,
      );
    }
  }
  const shown = (value) => (typeof value === "string" ? stringify(value) : text(value));
  const whole = (key, least, most) => {
    const value = options[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "number" || !(value >= least && value <= most) || value % 1 !== 0) {
      throw new TypeErrorType(`parallel() option ${key} must be a whole number from ${least} to ${most}, got ${shown(value)}`);
    }
    return value;
  };
  const flag = (key) => {
    const value = options[key];
    if (value !== undefined && value !== null && typeof value !== "boolean") {
      throw new TypeErrorType(`parallel() option ${key} must be true or false, got ${shown(value)}`);
    }
    return value === true;
  };
  return {
    concurrency: whole("concurrency", 1, 4294967295) ?? count,
    minSuccess: whole("minSuccess", 0, count) ?? 0,
    timeoutMs: whole("timeoutMs", 1, 2147483647),
    failFast: flag("failFast"),
    settle: flag("settle"),
  };
};

/** A promise for `count` results, and the state in which `entryEnded` counts them. */
const barrier = (count) => {
  const promise = new PromiseType(executor);
  const state = { results: new ArrayType(count), open: count, resolve: newResolve, reject: newReject };
  newResolve = newReject = undefined;
  if (count === 0) state.resolve(state.results);
  return { promise, state };
};

const entryEnded = (state, index, value) => {
  state.results[index] = value;
  if (--state.open === 0) state.resolve(state.results);
};

/** One function: its result, or `null` if it fails. Only the end of the whole run gets past it. */
const runThunk = async (task, index, state) => {
  let value;
  try {
    value = await task();
  } catch (error) {
    if (isCancellation(error)) return state.reject(error);
    value = null;
  }
  entryEnded(state, index, value);
};

/** parallel() with options: the same barrier, with a window, a deadline and counted failures. */
const parallelWith = (tasks, options) => {
  const { promise, resolve, reject } = apply(withResolvers, PromiseType, []);
  const count = tasks.length;
  const results = [];
  let next = 0;
  let open = count;
  let succeeded = 0;
  let over = false;
  let timer;
  for (let i = 0; i < count; i++) results[i] = undefined;
  const finish = () => {
    if (over) return;
    over = true;
    if (timer !== undefined) stopTimer(timer);
    if (succeeded < options.minSuccess) {
      const failures = [];
      for (let i = 0; i < count; i++) if (!results[i].ok) failures[failures.length] = results[i].error;
      reject(new errorTypes.AggregateError(
        failures,
        `parallel() needed ${options.minSuccess} of ${count} to succeed, but only ${succeeded} did`,
      ));
      return;
    }
    for (let i = 0; i < count; i++) if (!options.settle) results[i] = results[i].ok ? results[i].value : null;
    resolve(results);
  };
  const fail = (error) => {
    over = true;
    if (timer !== undefined) stopTimer(timer);
    reject(error);
  };
  const ended = (i, result) => {
    if (over || results[i] !== undefined) return;
    results[i] = result;
    open--;
    if (result.ok) succeeded++;
    else if (isCancellation(result.error) || options.failFast) return fail(result.error);
    if (open === 0) finish();
    else startNext();
  };
  const startNext = () => {
    if (over || next >= count) return;
    const i = next++;
    const task = tasks[i];
    const run = async () => task();
    apply(promiseThen, run(), [
      (value) => ended(i, { ok: true, value }),
      (error) => ended(i, { ok: false, error }),
    ]);
  };
  if (count === 0) {
    finish();
    return promise;
  }
  if (options.timeoutMs !== undefined) {
    timer = startTimer(options.timeoutMs, () => {
      for (let i = 0; i < count; i++) {
        if (results[i] !== undefined) continue;
        const error = new ErrorType(`parallel() ran into its timeout of ${options.timeoutMs} ms`);
        hidden(error, "name", "TimeoutError");
        error.code = "ERR_PARALLEL_TIMEOUT";
        results[i] = { ok: false, error };
        if (options.failFast) return fail(error);
      }
      finish();
    });
  }
  for (let i = 0; i < options.concurrency && i < count; i++) startNext();
  return promise;
};

const checkThunks = (tasks) => {
  if (!isArray(tasks)) {
    throw new TypeErrorType(`parallel() expects an array of functions, got ${kindOf(tasks)}`);
  }
  for (let i = 0; i < tasks.length; i++) {
    if (typeof tasks[i] !== "function") {
      throw new TypeErrorType(
        "parallel() expects an array of functions, not promises. Wrap each call: () => agent(...)",
      );
    }
  }
};

hooks.parallel = (() => async (tasks, ...rest) => {
  if (isBody) checkThunks(tasks);
  else requireMap("tasks", tasks);
  const options = rest[0];
  if (options === undefined || options === null) {
    const { promise, state } = barrier(tasks.length);
    for (let i = 0; i < tasks.length; i++) {
      // A hole stays one, as in an array that was mapped over.
      if (i in tasks) runThunk(tasks[i], i, state);
      else entryEnded(state, i, undefined);
    }
    return promise;
  }
  return parallelWith(tasks, parallelOptions(options, tasks.length));
})();
