// pipeline(items, ...stages): each item goes through the stages on its own; no item waits for another.
const runStages = async (item, index, stages, state) => {
  let value = item;
  try {
    for (let i = 0; i < stages.length; i++) value = await stages[i](value, item, index);
    // Without stages the items themselves are the results, and may be promises.
    if (stages.length === 0) value = await value;
  } catch (error) {
    if (isCancellation(error) || stages.length === 0) return state.reject(error);
    value = null;
  }
  entryEnded(state, index, value);
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
  const { promise, state } = barrier(items.length);
  for (let i = 0; i < items.length; i++) {
    if (i in items) runStages(items[i], i, stages, state);
    else entryEnded(state, i, undefined);
  }
  return promise;
};
