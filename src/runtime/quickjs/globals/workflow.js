// workflow(nameOrRef, args?): a child run.
const describeReceived = (value) => {
  if (value === undefined || value === null) return `Received ${value}`;
  if (typeof value === "function") return `Received function ${value.name}`;
  if (typeof value === "object") return `Received an instance of ${value.constructor?.name ?? "Object"}`;
  return `Received type ${typeof value} (${typeof value === "string" ? `'${value}'` : text(value)})`;
};

const startChild = (nameOrRef, args) => {
  if (setup.depthLeft === 0) {
    const levels = setup.maxDepth === 1 ? "one level" : `${setup.maxDepth} levels`;
    throw new ErrorType(`Nested workflow() calls are limited to ${levels}`);
  }
  // A module's child gets an object whatever was given, as in the original; a body's gets what was given.
  const given = isBody || (typeof args === "object" && args !== null && !isArray(args)) ? args : {};
  const json = stringify(given);
  if (typeof nameOrRef === "string") return native.workflow(false, nameOrRef, json);
  if (nameOrRef === undefined || nameOrRef === null) {
    throw new TypeErrorType(`Cannot read properties of ${nameOrRef} (reading 'scriptPath')`);
  }
  const path = nameOrRef.scriptPath;
  if (typeof path !== "string") {
    throw new TypeErrorType(`The "path" argument must be of type string. ${describeReceived(path)}`);
  }
  return native.workflow(true, path, json);
};

hooks.workflow = function workflow(nameOrRef, args) {
  let slot;
  try {
    slot = startChild(nameOrRef, args);
  } catch (error) {
    return rejected(error);
  }
  return promiseFor(slot);
};
