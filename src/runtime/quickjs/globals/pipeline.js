// pipeline(items, ...stages): each item goes through the stages on its own; no item waits for another.
const runStages = async (item, index, stages) => {
  let value = item;
  try {
    for (let i = 0; i < stages.length; i++) value = await stages[i](value, item, index);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return null;
  }
  return value;
};

hooks.pipeline = async function pipeline(items, ...stages) {
  if (isBody) {
    if (!isArray(items)) throw new TypeErrorType(`pipeline() expects an array of items, got ${kindOf(items)}`);
    for (let i = 0; i < stages.length; i++) {
      if (typeof stages[i] !== "function") {
        throw new TypeErrorType(`pipeline() expects functions as stages, got ${kindOf(stages[i])} as stage ${i + 1}`);
      }
    }
  } else {
    requireMap("items", items);
  }
  return apply(promiseAll, PromiseType, [items.map((item, index) => runStages(item, index, stages))]);
};
