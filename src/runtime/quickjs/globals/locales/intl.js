(function (native) {
  "use strict";
  // Loaded when a script first looks at `Intl`, so nothing may come from the globals.
  const { define, wrongReceiver, needsNew, clock, text } = native;

  /** Keeps what belongs to an object in a private field of it. */
  class Slot extends (function (object) { return object; }) {
    #state;
    constructor(object, kind, parts) {
      super(object);
      this.#state = { __proto__: null, kind, parts, bound: undefined };
    }
    static of(object, kind, method) {
      const state = typeof object === "object" && object !== null && #state in object ? object.#state : undefined;
      if (state?.kind === kind) return state;
      throw wrongReceiver(object, method, state?.kind ?? "Object");
    }
  }

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
  // A number or a bigint of an object, as it wants.
  const numeric = (value) => (isObject(value) ? -(-value) : value);
  const moment = (value, method) => {
    if (value === undefined) throw clock(method);
    return +value;
  };
  /** The texts that something iterable yields, one after the other in a list without a prototype. */
  const texts = (items) => {
    const found = { __proto__: null, length: 0 };
    if (items === undefined) return found;
    for (const item of items) {
      if (typeof item !== "string") throw native.notText(item);
      found[found.length++] = item;
    }
    return found;
  };

  function Collator(locales = undefined, options = undefined) {
    if (new.target === undefined) return new Collator(locales, options);
    new Slot(this, "Collator", native.collator(locales, options));
  }
  function NumberFormat(locales = undefined, options = undefined) {
    if (new.target === undefined) return new NumberFormat(locales, options);
    new Slot(this, "NumberFormat", native.numbers(locales, options));
  }
  function DateTimeFormat(locales = undefined, options = undefined) {
    if (new.target === undefined) return new DateTimeFormat(locales, options);
    new Slot(this, "DateTimeFormat", native.dates(locales, options));
  }
  function PluralRules(locales = undefined, options = undefined) {
    if (new.target === undefined) throw needsNew("Intl.PluralRules");
    new Slot(this, "PluralRules", native.plurals(locales, options));
  }
  function ListFormat(locales = undefined, options = undefined) {
    if (new.target === undefined) throw needsNew("Intl.ListFormat");
    new Slot(this, "ListFormat", native.lists(locales, options));
  }
  function RelativeTimeFormat(locales = undefined, options = undefined) {
    if (new.target === undefined) throw needsNew("Intl.RelativeTimeFormat");
    new Slot(this, "RelativeTimeFormat", native.relative(locales, options));
  }

  const date = "Intl.DateTimeFormat.prototype.";
  const relative = "Intl.RelativeTimeFormat.prototype.";

  Collator.prototype = class {
    resolvedOptions() {
      return Slot.of(this, "Collator", "Intl.Collator.prototype.resolvedOptions").parts.resolved();
    }
    get compare() {
      const state = Slot.of(this, "Collator", "get Intl.Collator.prototype.compare");
      const { parts } = state;
      return state.bound ??= (x, y) => {
        x = text(x);
        y = text(y);
        const order = parts.compare(x, y);
        // A loop is where the interpreter looks at its interrupt: a long comparison is many rounds of it.
        for (let rest = x.length + y.length; rest > 256; rest -= 256);
        return order;
      };
    }
  }.prototype;

  NumberFormat.prototype = class {
    resolvedOptions() {
      return Slot.of(this, "NumberFormat", "UnwrapNumberFormat").parts.resolved();
    }
    formatToParts(value) {
      return Slot.of(this, "NumberFormat", "Intl.NumberFormat.prototype.formatToParts").parts.parts(numeric(value));
    }
    get format() {
      const state = Slot.of(this, "NumberFormat", "UnwrapNumberFormat");
      const { parts } = state;
      return state.bound ??= (value) => parts.format(numeric(value));
    }
  }.prototype;

  DateTimeFormat.prototype = class {
    resolvedOptions() {
      return Slot.of(this, "DateTimeFormat", "UnwrapDateTimeFormat").parts.resolved();
    }
    formatToParts(value) {
      const { parts } = Slot.of(this, "DateTimeFormat", date + "formatToParts");
      return parts.parts(moment(value, date + "formatToParts()"));
    }
    get format() {
      const state = Slot.of(this, "DateTimeFormat", "UnwrapDateTimeFormat");
      const { parts } = state;
      return state.bound ??= (value) => parts.format(moment(value, date + "format()"));
    }
  }.prototype;

  PluralRules.prototype = class {
    resolvedOptions() {
      return Slot.of(this, "PluralRules", "Intl.PluralRules.prototype.resolvedOptions").parts.resolved();
    }
    select(value) {
      return Slot.of(this, "PluralRules", "Intl.PluralRules.prototype.select").parts.select(+value);
    }
  }.prototype;

  ListFormat.prototype = class {
    resolvedOptions() {
      return Slot.of(this, "ListFormat", "Intl.ListFormat.prototype.resolvedOptions").parts.resolved();
    }
    format(items) {
      return Slot.of(this, "ListFormat", "Intl.ListFormat.prototype.format").parts.format(texts(items));
    }
    formatToParts(items) {
      return Slot.of(this, "ListFormat", "Intl.ListFormat.prototype.formatToParts").parts.parts(texts(items));
    }
  }.prototype;

  RelativeTimeFormat.prototype = class {
    resolvedOptions() {
      return Slot.of(this, "RelativeTimeFormat", relative + "resolvedOptions").parts.resolved();
    }
    format(value, unit) {
      const { parts } = Slot.of(this, "RelativeTimeFormat", relative + "format");
      return parts.format(+value, text(unit), relative + "format()");
    }
    formatToParts(value, unit) {
      const { parts } = Slot.of(this, "RelativeTimeFormat", relative + "formatToParts");
      return parts.parts(+value, text(unit), relative + "formatToParts()");
    }
  }.prototype;

  const Intl = {};
  const { getCanonicalLocales } = {
    getCanonicalLocales(locales) {
      return native.canonical(locales);
    },
  };
  define(Intl, "getCanonicalLocales", getCanonicalLocales);
  const classes = {
    __proto__: null, DateTimeFormat, NumberFormat, Collator, PluralRules, RelativeTimeFormat, ListFormat,
  };
  for (const name in classes) {
    const { supportedLocalesOf } = {
      supportedLocalesOf(locales, options = undefined) {
        return native.supported(name, locales, options);
      },
    };
    define(classes[name], "supportedLocalesOf", supportedLocalesOf);
    native.expose(Intl, name, classes[name]);
  }
  native.tag(Intl, "Intl");
  return Intl;
})
