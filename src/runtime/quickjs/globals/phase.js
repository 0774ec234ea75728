// phase(name, options?): what the following agent calls belong to.
hooks.phase = (() => (name, options) => {
  const json = stringify(name);
  const more = stringify(options);
  currentPhase = name;
  native.phase(json, more);
})();
