(function (native) {
  "use strict";
  // Loaded while a script runs, so nothing may come from the globals.
  const { find, slice, concat, apply } = native;

  const textOf = (value) => apply(concat, "", [value]);
  // Where a search starts.
  const place = (value, text) => {
    value = +value;
    return value > 0 ? (value < text.length ? value - (value % 1) : text.length) : 0;
  };
  const cut = (text, from, to) => apply(slice, text, [from, to]);

  // What `$` stands for in a replacement, when the pattern is a string.
  const expand = (template, text, at, size) => {
    let result = "";
    for (let i = 0; i < template.length; i++) {
      const next = template[i] === "$" ? template[i + 1] : undefined;
      if (next === "$") result += "$";
      else if (next === "&") result += cut(text, at, at + size);
      else if (next === "`") result += cut(text, 0, at);
      else if (next === "'") result += cut(text, at + size);
      else {
        result += template[i];
        continue;
      }
      i++;
    }
    return result;
  };
  const substitute = (text, pattern, replacement, places) => {
    const size = pattern.length;
    if (typeof replacement !== "function") replacement = textOf(replacement);
    let result = "";
    let end = 0;
    for (let i = 0; i < places.length; i++) {
      const at = places[i];
      const by = typeof replacement === "function"
        ? textOf(apply(replacement, undefined, [pattern, at, text]))
        : expand(replacement, text, at, size);
      result += cut(text, end, at) + by;
      end = at + size;
    }
    return result + cut(text, end);
  };

  return {
    indexOf: (text, pattern, from) => find(text, pattern, place(from, text), false),
    includes: (text, pattern, from) => find(text, pattern, place(from, text), false) >= 0,
    lastIndexOf: (text, pattern, from) => {
      from = +from;
      return find(text, pattern, from === from ? place(from, text) : text.length, true);
    },
    replace: (text, pattern, replacement) => {
      const at = find(text, pattern, 0, false);
      if (typeof replacement !== "function") replacement = textOf(replacement);
      return substitute(text, pattern, replacement, at < 0 ? [] : [at]);
    },
    replaceAll: (text, pattern, replacement) => {
      if (typeof replacement !== "function") replacement = textOf(replacement);
      return substitute(text, pattern, replacement, native.findAll(text, pattern));
    },
    split: (text, pattern, limit) => {
      const most = limit === undefined ? 4294967295 : limit >>> 0;
      const pieces = [];
      if (most === 0) return pieces;
      const places = native.findAll(text, pattern);
      let end = 0;
      for (let i = 0; i < places.length; i++) {
        pieces[pieces.length] = cut(text, end, places[i]);
        if (pieces.length === most) return pieces;
        end = places[i] + pattern.length;
      }
      pieces[pieces.length] = cut(text, end);
      return pieces;
    },
  };
})
