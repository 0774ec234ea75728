(function (text, list, length, locales, options) {
  "use strict";
  // In JavaScript, so that it can be interrupted and its memory is counted.
  let result = "";
  for (let i = 0; i < length; i++) {
    if (i > 0) result += ",";
    const value = list[i];
    if (value === undefined || value === null) continue;
    result += text(value.toLocaleString(locales, options));
  }
  return result;
})
