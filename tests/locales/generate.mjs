// Writes what Node.js says about locales: collation.json, texts in the order of V8, formats.json, numbers and dates
// as V8 prints them, and others.json, plurals, lists and relative times. A development tool; nothing runs it in CI.
//
//   node generate.mjs [factor]
//
// A factor above 1 makes more of everything, for a look that is not kept. Made with Node.js 20.20.2 (ICU 78.2,
// CLDR 48). The same seed gives the same files.
import { readFileSync, writeFileSync } from 'node:fs'

process.env.TZ = 'UTC'
const FACTOR = Number(process.argv[2] ?? 1)
const here = (name) => new URL(name, import.meta.url)

// mulberry32: small, seeded, good enough to pick from lists.
let state = 20240607
function random() {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
const int = (n) => Math.floor(random() * n)
const pick = (list) => list[int(list.length)]
const times = (n, f) => Array.from({ length: n }, (_, i) => f(i))

// --- alphabets ---------------------------------------------------------------------------------------------------

const range = (first, last) => times(last - first + 1, (i) => String.fromCodePoint(first + i))
const assigned = (list) => list.filter((c) => !/\p{Cn}/u.test(c))
const ASCII = range(0x20, 0x7e)
const LETTERS = [...'aAbBcCdDeEfFiIlLnNoOsSuUyYzZ']
const ACCENTED = [...'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿßÀÁÄÅÆÇÉÑÖØÜÞŁłŚśŽžČčŘřĐđŐőŰűĞğİıŞşĄąĘęŒœĳĿŉǅơƠưƯĆćĽľĹĺ']
const MARKS = ['\u0301', '\u0300', '\u0308', '\u030c', '\u0327', '\u0323', '\u0307', '\u0338', '\u20dd']
const DIGITS = [...'0012345678999']
const PUNCTUATION = [...' -_.,;:!?\'"()[]{}@*/\\&#%`^+<=>|~$', '\u2013', '\u2014', '\u2026', '\u00a0', '\u2019', '\u20ac', '\u00a3', '\u00b2', '\u00bd', '\u2122']
const CYRILLIC = assigned([...range(0x400, 0x481), ...range(0x48a, 0x4ff)])
const GREEK = assigned(range(0x370, 0x3ff))
const SCRIPTS = {
  cyrillic: CYRILLIC, greek: GREEK, hebrew: range(0x5d0, 0x5ea), arabic: [...range(0x621, 0x63a), ...range(0x641, 0x652)],
  devanagari: assigned(range(0x905, 0x94d)), bengali: assigned(range(0x985, 0x9cd)), tamil: assigned(range(0xb85, 0xbcd)),
  thai: assigned(range(0xe01, 0xe4e)), lao: assigned(range(0xe81, 0xecd)), khmer: range(0x1780, 0x17d2), myanmar: range(0x1000, 0x103e),
  sinhala: assigned(range(0xd85, 0xdd6)), georgian: range(0x10d0, 0x10f0), armenian: assigned(range(0x531, 0x587)), ethiopic: assigned(range(0x1200, 0x1260)),
  hiragana: range(0x3041, 0x3096), katakana: range(0x30a1, 0x30fa), halfwidth: range(0xff66, 0xff9d), fullwidth: range(0xff10, 0xff5a),
  hangul: [...range(0xac00, 0xac40), ...range(0xd700, 0xd7a3), ...range(0x1100, 0x1112), ...range(0x1161, 0x1175)],
  han: [...'一丁中文字漢汉日本語語言人大小山水火木金土东西南北東車车馬马'], emoji: [...'😀🙂❤👍🏽🚀✅❌⚠🇩🇪'], symbols: [...range(0x2190, 0x21a0), ...range(0x2460, 0x2480), ...range(0x2200, 0x2220)],
}
const ODD = ['\0', '\u0001', '\t', '\n', '\u00ad', '\u200b', '\u200d', '\ufeff', '\ufffd', '\uffff', '\ufffe', '\ue000', '\ud800', '\udbff', '\udc00', '\udfff', '\u{f0000}', '\u{50000}', '\ufb01', '\u1e9e', '\u212b', '\u2126', '\u0344', '\u1e69', 's\u0323\u0307', 's\u0307\u0323', '\u0345', '\u{1d400}', '\u{10400}']
const EVERYTHING = [...ASCII, ...ACCENTED, ...MARKS, ...PUNCTUATION, ...ODD, ...Object.values(SCRIPTS).flat()]
const LATIN = [...LETTERS, ...LETTERS, ...LETTERS, ...ACCENTED, ...DIGITS, ' ', '-', ...MARKS.slice(0, 3)]

const word = (alphabet, most) => times(1 + int(most), () => pick(alphabet)).join('')
const words = (count, alphabet, most) => [...new Set(times(count * FACTOR, () => word(alphabet, most)))]
/** Words that differ little: what collation is about. */
const near = (count, alphabet) => {
  const out = new Set()
  while (out.size < count * FACTOR) {
    const letters = [...word(alphabet, 4)]
    out.add(letters.join(''))
    for (const change of [(c) => c.toUpperCase(), (c) => c + pick(MARKS), (c) => c.normalize('NFD'), () => pick(alphabet), (c) => `${c}-`, (c) => c.normalize('NFKC')]) {
      const at = int(letters.length)
      out.add(letters.map((c, i) => (i === at ? change(c) : c)).join(''))
    }
  }
  return [...out]
}

// --- collation ---------------------------------------------------------------------------------------------------

/** The texts in order; those that are equal together. */
function group(locale, options, texts) {
  const { compare } = new Intl.Collator(locale, options)
  const sorted = [...texts].sort(compare)
  const classes = []
  for (const text of sorted) {
    if (classes.length > 0 && compare(classes.at(-1)[0], text) === 0) classes.at(-1).push(text)
    else classes.push([text])
  }
  return { locale, options, sorted: classes }
}

const OPTIONS = [
  { numeric: true }, { sensitivity: 'base' }, { sensitivity: 'accent' }, { sensitivity: 'case' }, { sensitivity: 'variant' },
  { caseFirst: 'upper' }, { caseFirst: 'lower' }, { ignorePunctuation: true }, { usage: 'search' }, { usage: 'search', sensitivity: 'base' },
  { numeric: true, sensitivity: 'base' }, { caseFirst: 'upper', sensitivity: 'case' }, { ignorePunctuation: true, sensitivity: 'accent', numeric: true },
]

function collation() {
  const groups = [
    group(undefined, undefined, words(500, ASCII, 6)),
    group(undefined, undefined, words(300, EVERYTHING, 1)),
    group(undefined, undefined, words(500, EVERYTHING, 5)),
    group(undefined, undefined, near(300, LATIN)),
    group('en-US', {}, words(200, [...DIGITS, ...PUNCTUATION, 'a', 'b'], 6)),
  ]
  for (const options of OPTIONS) {
    groups.push(group('en', options, near(100, LATIN)))
    groups.push(group('en', options, words(100, [...LETTERS, ...DIGITS, ...DIGITS, ...PUNCTUATION], 7)))
    // Searching has data of its own in V8, for scripts where letters belong together, see differences.md.
    if (!options.usage) groups.push(group('en', options, words(60, EVERYTHING, 3)))
  }
  const table = readFileSync(here('../../src/runtime/quickjs/globals/locales/data/collations.txt'), 'utf8')
  for (const line of table.trim().split('\n')) {
    const [tag, ...offered] = line.split(' ')
    const isPlain = tag === tag.split('-')[0]
    const own = [...LATIN, ...pick(Object.values(SCRIPTS)), ...CYRILLIC]
    groups.push(group(tag, undefined, [...near(isPlain ? 40 : 15, LATIN), ...words(isPlain ? 30 : 10, own, 4), ...words(10, EVERYTHING, 3)]))
    for (const name of offered.filter((name) => !name.includes('=') && name !== 'shifted')) {
      if (['emoji', 'eor'].includes(name) && tag !== 'en' && tag !== 'de') continue
      groups.push(group(`${tag}-u-co-${name}`, undefined, [...near(20, LATIN), ...words(30, EVERYTHING, 3)]))
    }
    if (['de', 'sv', 'da', 'es', 'fr', 'ja', 'ko', 'zh', 'th', 'ru', 'ar'].includes(tag)) {
      for (const options of OPTIONS.filter((options) => !options.usage)) groups.push(group(tag, options, [...near(20, LATIN), ...words(20, EVERYTHING, 3)]))
    }
  }
  return `[\n${groups.map((group) => JSON.stringify(group)).join(',\n')}\n]\n`
}

writeFileSync(here('collation.json'), collation())

// --- numbers and dates -------------------------------------------------------------------------------------------

const TABLE = readFileSync(here('../../src/runtime/quickjs/globals/locales/data/formats.txt'), 'utf8')
const LOCALES = TABLE.split('\n').flatMap((line) => line.match(/^\[([\w-]+)/)?.[1] ?? (line.startsWith('= ') ? line.slice(2).split(' ') : []))
// English elsewhere may have money that is printed as in en-US, see differences.md.
const MONEY = ['en', 'en-US', 'en-GB', 'en-CA', 'en-AU', 'en-NZ', 'en-IE', 'en-IN', 'en-ZA', 'en-SG', 'en-001']
const MAIN = LOCALES.filter((tag) => !tag.includes('-'))
const some = (options, chance) => Object.fromEntries(Object.entries(options).filter(() => random() < chance).map(([key, list]) => [key, pick(list)]))
const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

const NUMBERS = [
  0, -0, 1, -1, 2, 5, 9, 10, 99, 100, 999, 1000, 1234, -1234, 9999, 10000, 12345, 99999, 123456, 999999, 1e6, 1234567, 1e9, 1.5e9, 999999999, 1e12, 1e15, 1e21, 1e24, -1e21,
  0.1, 0.5, 1.5, 2.5, 0.05, 0.005, 0.0049, 1.005, 1.0049999, 1.25, 1.35, 12.345, 99.95, 99.995, 999.5, 999.95, 1234.5678, -0.4, -0.6, 0.000001234, 1e-7, 1e-10, 123.456, 9.99999, 0.256, 0.999, 1.1,
  NaN, Infinity, -Infinity, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53, 1 / 3, 2 / 3,
]
// V8 rounds these to increments with less than all of their digits.
const HUGE = [Number.MAX_VALUE]
const CURRENCIES = Intl.supportedValuesOf('currency')
const UNITS = Intl.supportedValuesOf('unit')

function numberOptions(isEnglish) {
  const style = pick(['decimal', 'decimal', 'percent', 'currency', ...(isEnglish ? ['unit'] : [])])
  const digits = some({
    minimumIntegerDigits: [1, 2, 3, 5], minimumFractionDigits: [0, 1, 2, 4], maximumFractionDigits: [0, 1, 2, 5, 20],
    minimumSignificantDigits: [1, 2, 4], maximumSignificantDigits: [1, 2, 3, 4, 21],
    roundingMode: ['ceil', 'floor', 'expand', 'trunc', 'halfCeil', 'halfFloor', 'halfExpand', 'halfTrunc', 'halfEven'],
    roundingPriority: ['auto', 'morePrecision', 'lessPrecision'], trailingZeroDisplay: ['auto', 'stripIfInteger'], roundingIncrement: [1, 5, 25, 50, 2000],
  }, pick([0, 0.1, 0.2, 0.4]))
  return given({
    style,
    ...(style === 'currency' ? { currency: random() < 0.5 ? pick(['USD', 'EUR', 'GBP', 'JPY', 'CHF']) : pick(CURRENCIES), ...some({ currencyDisplay: ['symbol', 'narrowSymbol', 'code', ...(isEnglish ? ['name'] : [])], currencySign: ['standard', 'accounting'] }, 0.5) } : {}),
    ...(style === 'unit' ? { unit: random() < 0.3 ? `${pick(UNITS)}-per-${pick(UNITS)}` : pick(UNITS), ...some({ unitDisplay: ['short', 'long', 'narrow'] }, 0.7) } : {}),
    ...digits,
    ...some({ notation: isEnglish ? ['standard', 'compact', 'scientific', 'engineering'] : ['standard', 'scientific', 'engineering'], compactDisplay: ['short', 'long'] }, 0.3),
    ...some({ useGrouping: [true, false, 'always', 'auto', 'min2'], signDisplay: ['auto', 'never', 'always', 'exceptZero', 'negative'] }, 0.25),
  })
}

const FIELDS = {
  weekday: ['short', 'long', 'narrow'], era: ['short', 'long', 'narrow'], year: ['numeric', '2-digit'], month: ['numeric', '2-digit', 'short', 'long', 'narrow'], day: ['numeric', '2-digit'],
  dayPeriod: ['short', 'long', 'narrow'], hour: ['numeric', '2-digit'], minute: ['numeric', '2-digit'], second: ['numeric', '2-digit'], fractionalSecondDigits: [1, 2, 3],
  timeZoneName: ['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric'], hour12: [true, false], hourCycle: ['h11', 'h12', 'h23', 'h24'], timeZone: ['UTC', 'Etc/GMT-2', 'Etc/GMT+5', 'Etc/GMT-10'],
}
const TIMES = [
  0, 1e12, 951782400000, 1709647629012, Date.UTC(2024, 1, 29, 0, 0, 0), Date.UTC(2024, 1, 29, 12, 0, 0), Date.UTC(2023, 11, 31, 23, 59, 59, 999), Date.UTC(2005, 8, 9, 3, 4, 5, 60),
  Date.UTC(1999, 4, 1, 12, 30), Date.UTC(2010, 9, 10, 10, 10, 10), -1, Date.UTC(-5, 6, 7, 8), 8.64e15, -8.64e15, Date.UTC(2021, 7, 14, 17, 45), Date.UTC(2022, 3, 16, 21, 5, 6),
]

function dateOptions() {
  const style = random()
  if (style < 0.15) {
    const options = some({ dateStyle: ['full', 'long', 'medium', 'short'], timeStyle: ['full', 'long', 'medium', 'short'], hourCycle: FIELDS.hourCycle, timeZone: FIELDS.timeZone }, 0.5)
    if (options.dateStyle || options.timeStyle) return options
  }
  const likely = pick([0.15, 0.3, 0.5])
  const options = some(FIELDS, likely)
  if (options.hour12 !== undefined) delete options.hourCycle
  // What no language has a pattern for comes out of V8 as `├F14: 07┤` and the like, and is left out: seconds without
  // minutes between other times, the time of day without the hour, a fraction of nothing, initials of eras and days.
  const { era, hour, minute, second, dayPeriod, fractionalSecondDigits, timeZoneName } = options
  if (hour && second && !minute || dayPeriod && !hour || fractionalSecondDigits && !(second && minute) || (second || minute) && !hour && timeZoneName || (fractionalSecondDigits || dayPeriod) && options.hourCycle === 'h24') return dateOptions()
  if (era === 'narrow') delete options.era
  return options
}

function formats() {
  const out = []
  const number = (locale, options, values) => {
    try {
      // What a percentage per second is when it is a million is a matter of taste.
      if (options.unit?.startsWith('percent-per-') || options.style === 'percent' && options.notation === 'compact') return
      if (options.style === 'currency' && locale.startsWith('en') && !MONEY.includes(locale)) return
      const format = new Intl.NumberFormat(locale, options)
      out.push({ kind: 'number', locale, options, cases: values.filter((value) => !options.roundingIncrement || !HUGE.includes(value)).map((value) => [Object.is(value, -0) ? '-0' : String(value), format.format(value), format.formatToParts(value).map((part) => part.type).join(' ')]) })
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) out.push({ kind: 'number', locale, options, error: `${error.name}: ${error.message}` })
      else throw error
    }
  }
  const date = (locale, options, values) => {
    const format = new Intl.DateTimeFormat(locale, options)
    const strange = format.format(0)
    // V8 dies of the parts of these.
    const isFatal = locale.startsWith('de-CH') && options.weekday && options.era && options.year && options.day
    if (isFatal || strange === '') return
    out.push({ kind: 'date', locale, options, cases: values.map((value) => [value, format.format(value), format.formatToParts(value).map((part) => part.type).join(' ')]) })
  }
  number('en-US', {}, NUMBERS)
  times(150 * FACTOR, () => number('en-US', numberOptions(true), times(4, () => pick(NUMBERS))))
  for (const locale of LOCALES) {
    const count = MAIN.includes(locale) ? 5 : 1
    number(locale, {}, times(4, () => pick(NUMBERS)))
    times(count * FACTOR, () => number(locale, numberOptions(locale.startsWith('en')), times(3, () => pick(NUMBERS))))
  }
  date('en-US', {}, TIMES)
  times(150 * FACTOR, () => date('en-US', dateOptions(), times(3, () => pick(TIMES))))
  for (const locale of LOCALES) {
    const count = MAIN.includes(locale) ? 8 : 1
    for (const options of [{}, { dateStyle: 'short', timeStyle: 'short' }]) date(locale, options, [pick(TIMES)])
    date(locale, { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }, times(2, () => pick(TIMES)))
    times(count * FACTOR, () => date(locale, dateOptions(), times(2, () => pick(TIMES))))
  }
  return `[\n${out.map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`
}

const CHANGED = ['af ordinal', 'bg ordinal', 'es ordinal', 'ff cardinal', 'gl cardinal', 'ln cardinal', 'vi cardinal', 'wae cardinal']

/** What forms words take, lists, and times relative to now. */
function others() {
  const out = []
  const sortable = readFileSync(here('../../src/runtime/quickjs/globals/locales/data/collations.txt'), 'utf8').trim().split('\n').map((line) => line.split(' ')[0])
  const counts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 19, 20, 21, 22, 23, 100, 101, 102, 103, 111, 1000, 1e6, 2e6, 0.1, 0.5, 1.5, 1.2, 2.4, -1, -2, NaN, Infinity]
  for (const locale of [...new Set([...sortable, ...LOCALES])]) {
    for (const type of ['cardinal', 'ordinal']) {
      const rules = new Intl.PluralRules(locale, { type })
      // Rules that the CLDR has changed since.
      if (rules.resolvedOptions().locale !== locale || CHANGED.includes(`${locale.split('-')[0]} ${type}`)) continue
      out.push({ kind: 'plural', locale, options: { type }, cases: [[counts.map(String).join(' '), counts.map((count) => rules.select(count)).join(' ')]] })
    }
  }
  const options = { minimumFractionDigits: 1 }
  out.push({ kind: 'plural', locale: 'en', options, cases: [['1 2', [1, 2].map((count) => new Intl.PluralRules('en', options).select(count)).join(' ')]] })
  const items = [[], ['x'], ['x', 'y'], ['x', 'y', 'z'], ['x', 'y', 'z', 'w', ''], ['papel', 'iglesia'], ['siete', 'ocho'], ['a', 'hielo'], ['a', 'b', 'hilo'], ['10', '11'], ['1', '110']]
  for (const locale of LOCALES) {
    for (const type of ['conjunction', 'disjunction', 'unit']) {
      for (const style of ['long', 'short', 'narrow']) {
        const format = new Intl.ListFormat(locale, { type, style })
        const some = MAIN.includes(locale) ? items : [items[3]]
        if (!MAIN.includes(locale) && random() < 0.8) continue
        out.push({ kind: 'list', locale, options: { type, style }, cases: some.map((list) => [list, format.format(list), format.formatToParts(list).map((part) => part.type).join(' ')]) })
      }
    }
  }
  for (const locale of LOCALES.filter((locale) => locale.startsWith('en'))) {
    for (const options of [{}, { style: 'short' }, { style: 'narrow' }, { numeric: 'auto' }, { numeric: 'auto', style: 'narrow' }]) {
      const format = new Intl.RelativeTimeFormat(locale, options)
      const cases = ['second', 'minutes', 'hour', 'days', 'week', 'months', 'quarters', 'year'].flatMap((unit) => [-1, '-0', 1, 2, -1234.5].map((value) => [[value, unit], format.format(value, unit), format.formatToParts(value, unit).map((part) => part.type + (part.unit ?? '')).join(' ')]))
      out.push({ kind: 'relative', locale, options, cases: MAIN.includes(locale) ? cases : cases.filter(() => random() < 0.03) })
    }
  }
  return `[\n${out.map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`
}

writeFileSync(here('formats.json'), formats())
writeFileSync(here('others.json'), others())
