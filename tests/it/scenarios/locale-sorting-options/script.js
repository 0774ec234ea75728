export const meta = { name: 'locale-sorting-options', description: 'Sorts version numbers and ignores accents and case' }

const files = ['step 10', 'step 9', 'Step 1', 'step 100', 'step 2b']
return {
  natural: files.toSorted((a, b) => a.localeCompare(b, undefined, { numeric: true })),
  base: ['a', 'á', 'A', 'b'].map((c) => 'a'.localeCompare(c, 'en', { sensitivity: 'base' })),
  accent: ['a', 'á', 'A', 'b'].map((c) => 'a'.localeCompare(c, 'en', { sensitivity: 'accent' })),
  upper: ['b', 'a', 'B', 'A'].sort((a, b) => a.localeCompare(b, 'en', { caseFirst: 'upper' })),
  words: ['de luge', 'de-luge', 'deluge'].sort((a, b) => a.localeCompare(b, 'en-US', { ignorePunctuation: true })),
}
