// Puts the hooks where the script finds them, and runs it.
const given = setup.args === undefined ? (isBody ? undefined : {}) : setup.args ?? (isBody ? null : {});
const order = ["args", "agent", "parallel", "pipeline", "workflow", "budget", "log", "phase"];

if (isBody) {
  hooks.args = given;
  for (const name of order) {
    defineProperty(globalThis, name, {
      __proto__: null, value: hooks[name], writable: true, enumerable: true, configurable: true,
    });
  }
} else {
  hooks.args = readOnly(given);
  hooks.budget = readOnly(hooks.budget);
  for (const name of ["agent", "parallel", "pipeline", "workflow", "log", "phase"]) {
    hooks[name] = protectFunction(name, hooks[name]);
  }
  const realGlobal = globalThis;
  // Scripts reach the global object through a view of it: only so can the attempts to change a hook be answered
  // with the original's texts. The view's own target holds what must not be configurable, as proxies require.
  const fixed = { __proto__: null };
  for (const name of order) {
    fixed[name] = true;
    const value = hooks[name];
    const message = `Cannot assign to read only property '${name}' of object '#<Object>'`;
    defineProperty(realGlobal, name, {
      __proto__: null,
      get: () => value,
      set: refuse(message),
      enumerable: true,
      configurable: false,
    });
  }
  const target = {};
  for (const name of order) {
    defineProperty(target, name, {
      __proto__: null, value: hooks[name], writable: false, enumerable: true, configurable: false,
    });
  }
  for (const key of ownKeys(realGlobal)) {
    const descriptor = getOwnPropertyDescriptor(realGlobal, key);
    if (!descriptor.configurable && fixed[key] === undefined) defineProperty(target, key, descriptor);
  }
  const { get, set, has, deleteProperty, getPrototypeOf } = Reflect;
  const view = new ProxyType(target, {
    __proto__: null,
    get: (_, key) => get(realGlobal, key),
    has: (_, key) => has(realGlobal, key),
    set(_, key, value) {
      if (typeof key === "string" && fixed[key]) {
        throw new TypeErrorType(`Cannot assign to read only property '${key}' of object '#<Object>'`);
      }
      return set(realGlobal, key, value);
    },
    defineProperty(_, key, descriptor) {
      if (typeof key === "string" && fixed[key]) throw new TypeErrorType(`Cannot redefine property: ${key}`);
      const done = defineProperty(realGlobal, key, descriptor);
      if (done && !descriptor.configurable) defineProperty(target, key, getOwnPropertyDescriptor(realGlobal, key));
      return done;
    },
    deleteProperty(_, key) {
      if (typeof key === "string" && fixed[key]) {
        throw new TypeErrorType(`Cannot delete property '${key}' of #<Object>`);
      }
      return deleteProperty(realGlobal, key);
    },
    getOwnPropertyDescriptor(_, key) {
      if (typeof key === "string" && fixed[key]) return getOwnPropertyDescriptor(target, key);
      return getOwnPropertyDescriptor(realGlobal, key);
    },
    ownKeys: () => ownKeys(realGlobal),
    getPrototypeOf: () => getPrototypeOf(realGlobal),
    setPrototypeOf: refuse("Cannot change the prototype of the global object"),
    preventExtensions: () => false,
  });
  hidden(realGlobal, "globalThis", view);
}

const contextOf = (own) => {
  // Not enumerable: the original's context has no such member.
  hidden(own, "extra", extra);
  return own;
};
const context = () => contextOf({
  args: hooks.args,
  agent: hooks.agent,
  parallel: hooks.parallel,
  pipeline: hooks.pipeline,
  workflow: hooks.workflow,
  budget: hooks.budget,
  log: hooks.log,
  phase: hooks.phase,
});

const succeed = (value) => {
  let json;
  try {
    json = stringify(value);
  } catch (error) {
    return failed(error);
  }
  native.settled(true, json);
};
const failed = (error) => native.settled(false, stringify(describe(error)));

/** Runs a body: `main` is the function that the source was wrapped into. */
const runBody = (main) => {
  apply(promiseThen, main(), [succeed, failed]);
};

const functionText = Function.prototype.toString;

/** Runs a module: waits for its evaluation, then for its default export. */
const runModule = (evaluated, namespace) => {
  const main = async () => {
    await evaluated;
    const live = native.normalizeMeta(stringify(namespace.meta) ?? "null");
    if (live !== undefined) usePhases(parse(live).phases);
    const entry = namespace.default;
    if (typeof entry === "function" && apply(startsWith, apply(functionText, entry, []), ["class"])) {
      throw new TypeErrorType(`Class constructor ${entry.name} cannot be invoked without 'new'`);
    }
    return typeof entry === "function" ? await entry(hooks.args, context()) : await entry;
  };
  apply(promiseThen, main(), [succeed, failed]);
};

return { settle, runBody, runModule, describe: (thrown) => stringify(describe(thrown)) };
