export const score = (text, index) => ({ index, length: text.length })
