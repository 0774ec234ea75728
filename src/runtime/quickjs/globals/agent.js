// agent(prompt, options?): fills in what the phase says and hands the call out.
let currentPhase;
/** The metadata of the phases by title; the first entry of a title wins. */
let phaseDefaults = new Map();
const usePhases = (phases) => {
  phaseDefaults = new Map();
  if (!phases) return;
  for (let i = 0; i < phases.length; i++) {
    if (apply(mapGet, phaseDefaults, [phases[i].title]) === undefined) {
      apply(mapSet, phaseDefaults, [phases[i].title, phases[i]]);
    }
  }
};
usePhases(setup.meta.phases);

const agentOptions = (options) => {
  const phase = options?.phase ?? currentPhase;
  if (!phase) return options;
  const filled = { ...options };
  if (!filled.phase) filled.phase = phase;
  const defaults = apply(mapGet, phaseDefaults, [phase]);
  if (defaults !== undefined) {
    if (defaults.model && !filled.model) filled.model = defaults.model;
    if (defaults.provider && !filled.provider) filled.provider = defaults.provider;
  }
  return filled;
};

hooks.agent = function agent(prompt, options) {
  let slot;
  try {
    if (options !== undefined && options !== null && typeof options !== "object") {
      throw new TypeErrorType(`agent() options must be an object, got ${typeof options}`);
    }
    const filled = agentOptions(options);
    slot = native.agent(stringify(prompt), filled === undefined ? undefined : stringify(filled));
  } catch (error) {
    return rejected(error);
  }
  return promiseFor(slot);
};
