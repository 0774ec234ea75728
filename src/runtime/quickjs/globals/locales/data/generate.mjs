// Writes what Node.js says about numbers, dates, lists and collations of locales into the tables beside it:
// node generate.mjs, under Node 20 with full ICU. The tables hold data of the Unicode CLDR (Unicode License v3).
//
// Nothing is guessed: each entry is read off the parts of a formatted value. How the entries are put together
// again is in the Rust files above this folder; a table says at its top how it is read.
import { writeFileSync } from 'node:fs';

process.env.TZ = 'UTC';
const LANGUAGES = 'en cs da de es fi fr it ja ko nb nl no pl pt ru sv tr uk zh'.split(' ');
const here = (name) => new URL(name, import.meta.url);
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const REGIONS = ['001', '150', '419', ...[...LETTERS].flatMap((a) => [...LETTERS].map((b) => a + b))];
const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== '-'));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// --- which locales -----------------------------------------------------------------------------------------------

const resolves = (tag, Type) => new Type(tag).resolvedOptions().locale === tag;

/** Every tag of a language that Node.js has data for, the language first. */
function tagsOf(language, Type) {
  const scripts = ['', '-Latn', '-Cyrl', '-Hans', '-Hant', '-Arab', '-Deva'];
  const tags = scripts.flatMap((script) => ['', ...REGIONS.map((region) => `-${region}`)].map((region) => language + script + region));
  return tags.filter((tag) => resolves(tag, Type));
}

// --- numbers -----------------------------------------------------------------------------------------------------

const CURRENCIES = Intl.supportedValuesOf('currency');
const UNITS = Intl.supportedValuesOf('unit');

function parts(locale, options, value) {
  return new Intl.NumberFormat(locale, options).formatToParts(value);
}
const valueOf = (list, type) => list.find((part) => part.type === type)?.value;

/** The shape of a formatted number: 0 for its digits, ¤ + - % for those parts, all else as it is. */
function template(locale, options, value) {
  const signs = { currency: '¤', minusSign: '-', plusSign: '+', percentSign: '%', compact: '', unit: '' };
  const inNumber = ['integer', 'group', 'decimal', 'fraction', 'exponentSeparator', 'exponentMinusSign', 'exponentInteger'];
  let text = '';
  for (const { type, value: found } of parts(locale, options, value)) {
    if (!inNumber.includes(type)) text += signs[type] ?? found;
    else if (!text.endsWith('0')) text += '0';
  }
  return text;
}

function numbers(locale) {
  const record = {};
  const always = parts(locale, { useGrouping: 'always', minimumFractionDigits: 1 }, 1234567.5);
  record['n.decimal'] = valueOf(always, 'decimal');
  record['n.group'] = valueOf(always, 'group');
  const runs = parts(locale, { useGrouping: 'always' }, 123456789012345).filter((part) => part.type === 'integer');
  const first = runs.at(-1).value.length;
  record['n.sizes'] = `${first} ${runs.at(-2).value.length}`;
  const grouped = (value) => parts(locale, {}, value).some((part) => part.type === 'group');
  record['n.least'] = grouped(1234) ? '1' : grouped(12345) ? '2' : '3';
  record['n.minus'] = valueOf(parts(locale, {}, -1), 'minusSign');
  record['n.plus'] = valueOf(parts(locale, { signDisplay: 'always' }, 1), 'plusSign');
  record['n.percent'] = valueOf(parts(locale, { style: 'percent' }, 1), 'percentSign');
  record['n.nan'] = valueOf(parts(locale, {}, NaN), 'nan');
  record['n.infinity'] = valueOf(parts(locale, {}, Infinity), 'infinity');
  record['n.exponent'] = valueOf(parts(locale, { notation: 'scientific' }, 1), 'exponentSeparator');
  const money = { style: 'currency', currency: 'EUR', useGrouping: 'always' };
  const moneyParts = parts(locale, money, 1234567.5);
  record['m.decimal'] = valueOf(moneyParts, 'decimal');
  record['m.group'] = valueOf(moneyParts, 'group');
  const moneyGrouped = (value) => parts(locale, { ...money, useGrouping: 'auto' }, value).some((part) => part.type === 'group');
  record['m.least'] = moneyGrouped(1234) ? '1' : moneyGrouped(12345) ? '2' : '3';
  const kinds = {
    d: {}, p: { style: 'percent' },
    cs: { ...money, currencyDisplay: 'narrowSymbol' }, cc: { ...money, currencyDisplay: 'code' },
    as: { ...money, currencyDisplay: 'narrowSymbol', currencySign: 'accounting' },
    ac: { ...money, currencyDisplay: 'code', currencySign: 'accounting' },
  };
  for (const [kind, options] of Object.entries(kinds)) {
    record[`t.${kind}`] = template(locale, options, 1);
    record[`t.${kind}-`] = template(locale, options, -1);
    record[`t.${kind}!`] = template(locale, { ...options, signDisplay: 'never' }, 1);
    record[`t.${kind}+`] = template(locale, { ...options, signDisplay: 'always' }, 1);
  }
  // Currencies with a pattern of their own do not fit in here: then the locale is not used for money.
  const fits = (currency, currencyDisplay) => {
    const options = { ...money, currency, currencyDisplay, minimumFractionDigits: 1, maximumFractionDigits: 1 };
    const list = parts(locale, options, 1234567.5);
    const symbol = valueOf(list, 'currency');
    const edge = record['t.cs'].startsWith('¤') ? [...symbol].at(-1) : [...symbol][0];
    const shape = /[\p{L}\p{N}./]/u.test(edge) ? 'cc' : 'cs';
    return template(locale, options, 1) === record[`t.${shape}`] && valueOf(list, 'decimal') === record['m.decimal'] && valueOf(list, 'group') === record['m.group'];
  };
  record['m.odd'] = CURRENCIES.every((currency) => fits(currency, 'symbol') && fits(currency, 'narrowSymbol') && fits(currency, 'code')) ? '' : 'odd';
  for (const currency of CURRENCIES) {
    const symbol = (currencyDisplay) => valueOf(parts(locale, { style: 'currency', currency, currencyDisplay }, 1), 'currency');
    record[`s.${currency}`] = symbol('symbol');
    record[`w.${currency}`] = symbol('narrowSymbol');
  }
  return record;
}

/** What only English has here: words for powers of ten, units and currencies. */
function words(locale) {
  const record = {};
  const forms = (of) => {
    const [one, other] = [of(1), of(2)];
    return one === other ? other : `${one}|${other}`;
  };
  const affixes = (list, types) => list.map((part) => (types.includes(part.type) ? '0' : part.value)).join('').replace(/0+/, '0');
  const digits = ['integer', 'group', 'decimal', 'fraction'];
  for (const [short, compactDisplay] of [['s', 'short'], ['l', 'long']]) {
    const powers = [];
    for (let power = 3; power <= 14; power++) {
      const [one, two] = [1, 2].map((times) => parts(locale, { notation: 'compact', compactDisplay, useGrouping: false }, times * 10 ** power));
      if (affixes(one, digits) !== affixes(two, digits)) throw new Error(`compact plural in ${locale}`);
      if (one[0].type !== 'integer') throw new Error(`compact prefix in ${locale}`);
      powers.push(one[0].value.length + affixes(one, digits).slice(1));
    }
    record[`c.${short}`] = powers.join('|');
  }
  // English in Europe writes `€2 euros` and worse, a slip of the CLDR that is not kept.
  const named = (value) => parts(locale, { style: 'currency', currency: 'EUR', currencyDisplay: 'name' }, value);
  const sound = named(2).filter((part) => part.type === 'currency').length === 1 ? locale : 'en-001';
  for (const currency of CURRENCIES) {
    const options = { style: 'currency', currency, currencyDisplay: 'name', maximumFractionDigits: 0 };
    record[`x.${currency}`] = forms((value) => valueOf(parts(sound, options, value), 'currency'));
    const shape = template(sound, options, 2);
    if (template(sound, options, 1) !== shape || shape !== (record['t.x'] ??= shape)) throw new Error(`names in ${locale}`);
    record['t.x-'] ??= template(sound, options, -2);
    record['t.x!'] ??= template(sound, { ...options, signDisplay: 'never' }, 2);
    record['t.x+'] ??= template(sound, { ...options, signDisplay: 'always' }, 2);
  }
  for (const [short, unitDisplay] of [['s', 'short'], ['l', 'long'], ['n', 'narrow']]) {
    const of = (unit) => forms((value) => affixes(parts(locale, { style: 'unit', unit, unitDisplay }, value), digits));
    for (const unit of UNITS) record[`u.${short}.${unit}`] = of(unit);
    const perOf = (unit) => of(`acre-per-${unit}`).split('|').map((form, i) => {
      const acre = record[`u.${short}.acre`].split('|');
      const start = acre[i] ?? acre[0];
      if (!form.startsWith(start)) throw new Error(`${form} in ${locale}`);
      return form.slice(start.length);
    })[0];
    const apart = {};
    for (const unit of UNITS) record[`v.${short}.${unit}`] = perOf(unit);
    for (const unit of UNITS) {
      for (const other of UNITS) {
        const per = unit === 'percent' && short !== 'l' ? '' : record[`v.${short}.${other}`];
        const joined = record[`u.${short}.${unit}`].split('|').map((form) => form + per).join('|');
        const real = of(`${unit}-per-${other}`);
        if (real !== joined) apart[`u.${short}.${unit}-per-${other}`] = real;
      }
    }
    Object.assign(record, apart);
  }
  const relative = new Set(['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year']);
  for (const style of ['long', 'short', 'narrow']) {
    for (const unit of relative) {
      const always = new Intl.RelativeTimeFormat(locale, { style });
      const of = (sign) => forms((value) => always.formatToParts(sign * value, unit).map((part) => (part.type === 'integer' ? '0' : part.value)).join(''));
      record[`r.${style[0]}.${unit}`] = `${of(1)};${of(-1)}`;
      const auto = new Intl.RelativeTimeFormat(locale, { style, numeric: 'auto' });
      const named = [-2, -1, 0, 1, 2].map((value) => {
        const found = auto.formatToParts(value, unit);
        return found.length === 1 && found[0].type === 'literal' ? found[0].value : '';
      });
      record[`a.${style[0]}.${unit}`] = named.join('|');
    }
  }
  return record;
}

function lists(locale) {
  const record = {};
  for (const type of ['conjunction', 'disjunction', 'unit']) {
    for (const style of ['long', 'short', 'narrow']) {
      const literals = (items) => {
        const found = new Intl.ListFormat(locale, { type, style }).formatToParts(items);
        if (found[0].type !== 'element' || found.at(-1).type !== 'element') throw new Error(`list in ${locale}`);
        // Between two elements there may be nothing at all.
        const text = found.map(({ type, value }) => (type === 'element' ? '\0' : value)).join('');
        return text.split('\0').slice(1, -1);
      };
      const [start, middle, end] = literals(['A', 'B', 'C', 'D']);
      const inThree = literals(['A', 'B', 'C']);
      if (!same(inThree, [start, end])) throw new Error(`list of three in ${locale}`);
      record[`l.${type[0]}${style[0]}`] = [start, middle, end, literals(['A', 'B'])[0]].join('|');
    }
  }
  return record;
}

// --- dates -------------------------------------------------------------------------------------------------------

const WEDNESDAY = Date.UTC(2003, 1, 5, 9, 7, 8, 123);
const MONTHS = Array.from({ length: 12 }, (_, month) => Date.UTC(2003, month, 5, 9, 7, 8));
const DAYS = Array.from({ length: 7 }, (_, day) => Date.UTC(2003, 1, 2 + day, 9, 7, 8));
const ERAS = [Date.UTC(-5, 1, 5, 9, 7, 8), WEDNESDAY];
// The last two are exactly midnight and exactly noon, which have names of their own in some languages.
const HOURS = [...Array.from({ length: 24 }, (_, hour) => Date.UTC(2003, 1, 5, hour, 7)), Date.UTC(2003, 1, 5, 0), Date.UTC(2003, 1, 5, 12)];
const TEXT = ['short', 'long', 'narrow'];
const CLOCKS = [{ hourCycle: 'h12' }, { hourCycle: 'h23' }, { hourCycle: 'h12', dayPeriod: 'long' }];
const CYCLES = ['h11', 'h12', 'h23', 'h24'];
const ZONE_NAMES = ['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric'];

const quoted = (text) => text.replace(/'/g, "''").replace(/[A-Za-z]+/g, "'$&'");

/** What the part at `index` is called at each of `times`. */
const named = (format, index, times) => times.map((time) => format.formatToParts(time)[index]?.value).join('|');

/** Without minutes each time of those hours counts as midnight and noon. */
const sameNames = (set, found) => {
  if (set === undefined || set === found) return set !== undefined;
  const [a, b] = [set, found].map((names) => names.split('|'));
  return b.length === HOURS.length && a.every((name, hour) => name === b[hour] || (hour === 0 && b[hour] === a[24]) || (hour === 12 && b[hour] === a[25]));
};

class Dates {
  constructor(locale) {
    this.locale = locale;
    this.record = {};
    const first = (options, type, times) => {
      const format = new Intl.DateTimeFormat(locale, options);
      const index = format.formatToParts(WEDNESDAY).findIndex((part) => part.type === type);
      return index < 0 ? undefined : named(format, index, times);
    };
    for (const width of TEXT) {
      const w = width[0];
      const set = (key, value) => { if (value !== undefined) this.record[key] = value; };
      set(`f.N${w}`, first({ month: width, day: 'numeric' }, 'month', MONTHS));
      set(`f.n${w}`, first({ month: width }, 'month', MONTHS));
      set(`f.E${w}`, first({ weekday: width, day: 'numeric', month: 'short' }, 'weekday', DAYS));
      set(`f.e${w}`, first({ weekday: width }, 'weekday', DAYS));
      set(`f.G${w}`, first({ era: width, year: 'numeric' }, 'era', ERAS));
      set(`f.B${w}`, first({ hour: 'numeric', minute: 'numeric', dayPeriod: width, hourCycle: 'h12' }, 'dayPeriod', HOURS));
    }
    this.record['f.a'] = first({ hour: 'numeric', hourCycle: 'h12' }, 'dayPeriod', [HOURS[1], HOURS[13]]);
  }

  /**
   * The pattern behind `options`. Names are as wide as `widths` says, or carry their width: `N~s`; all do where
   * `widths` says nothing.
   */
  pattern(options, widths = options) {
    const { weekday, era, year, month, day } = options;
    // V8 dies of what the CLDR has there.
    const fatal = this.locale === 'de-CH' && weekday && era && year && /^(numeric|2-digit)$/.test(month) && day;
    const format = new Intl.DateTimeFormat(fatal ? 'de' : this.locale, options);
    let text = '';
    for (const [index, { type, value }] of format.formatToParts(WEDNESDAY).entries()) {
      const name = (letters, width, times) => {
        const found = named(format, index, times);
        for (const w of [...(width ? [width[0]] : []), 's', 'l', 'n']) {
          for (const letter of letters) {
            if (sameNames(this.record[`f.${letter}${w}`], found)) return w === width?.[0] ? letter : `${letter}~${w}`;
          }
        }
        // Another form of the names, as Finnish has three.
        const letter = letters.find((letter) => !(`f.${letter}${width?.[0]}` in this.record));
        if (!letter || !width) throw new Error(`${this.locale} ${JSON.stringify(options)}: unknown names ${found}`);
        this.record[`f.${letter}${width[0]}`] = found;
        return letter;
      };
      const digits = (short, long, letter) => {
        if (value === short) return letter;
        if (value === long) return letter + letter;
        throw new Error(`${this.locale} ${JSON.stringify(options)}: ${type} is ${value}`);
      };
      if (type === 'literal') text += quoted(value);
      else if (type === 'year') text += digits('2003', '03', 'y');
      else if (type === 'month' && /^0?2$/.test(value)) text += digits('2', '02', 'M');
      else if (type === 'month') text += name([...'NnOo'], widths.month, MONTHS);
      else if (type === 'day') text += digits('5', '05', 'd');
      else if (type === 'weekday') text += name([...'EeFf'], widths.weekday, DAYS);
      else if (type === 'era') text += name(['G'], widths.era, ERAS);
      else if (type === 'hour') text += digits('9', '09', 'h');
      else if (type === 'minute') text += digits('7', '07', 'm');
      else if (type === 'second') text += digits('8', '08', 's');
      else if (type === 'fractionalSecond') text += 'S';
      else if (type === 'timeZoneName') text += 'z';
      else if (type === 'dayPeriod') {
        const halves = HOURS.map((_, hour) => this.record['f.a'].split('|')[hour % 24 < 12 && hour !== 25 ? 0 : 1]).join('|');
        text += !options.dayPeriod && named(format, index, HOURS) === halves ? 'a' : name(['B'], options.dayPeriod, HOURS);
      }
      else throw new Error(`${this.locale}: a part ${type}`);
    }
    return text;
  }

  /** Narrow days and months stand where short ones do, but for these. */
  narrow(dates) {
    const odd = [];
    let at = -1;
    for (const era of ['-', 'short', 'long', 'narrow']) {
      for (const weekday of ['-', 'short', 'long', 'narrow']) {
        for (const year of ['-', 'numeric', '2-digit']) {
          for (const month of ['-', 'numeric', '2-digit', 'short', 'long', 'narrow']) {
            for (const day of ['-', 'numeric', '2-digit']) {
              at++;
              if (weekday !== 'narrow' && month !== 'narrow') continue;
              const place = (value, values) => values.indexOf(value === 'narrow' ? 'short' : value);
              const era4 = ['-', 'short', 'long', 'narrow'].indexOf(era);
              let short = (era4 * 3 + place(weekday, ['-', 'short', 'long'])) * 3 + place(year, ['-', 'numeric', '2-digit']);
              short = (short * 5 + place(month, ['-', 'numeric', '2-digit', 'short', 'long'])) * 3 + place(day, ['-', 'numeric', '2-digit']);
              const pattern = this.pattern(given({ era, weekday, year, month, day }));
              if (pattern !== dates[short]) odd.push([at, pattern]);
            }
          }
        }
      }
    }
    return odd;
  }

  /** Calls `visit` with each choice of times that there is a pattern for, and its number. */
  eachTime(times, visit) {
    let at = -1;
    for (const clock of CLOCKS) {
      for (const hour of ['-', 'numeric', '2-digit']) {
        for (const minute of ['-', 'numeric', '2-digit']) {
          for (const second of ['-', 'numeric', '2-digit']) {
            at++;
            if (times[at] !== '' && !(hour === '-' && clock.dayPeriod)) visit({ ...given({ hour, minute, second }), ...clock }, at);
          }
        }
      }
    }
  }

  /** How a zone stands beside the time, by what is asked for; and where it does not. */
  zones(times, plain) {
    const kinds = [];
    const which = ZONE_NAMES.map((timeZoneName) => {
      const form = this.pattern({ ...plain, timeZoneName }).replace(this.pattern(plain), '{0}');
      const odd = [];
      this.eachTime(times, (options, at) => {
        const pattern = this.pattern({ ...options, timeZoneName });
        if (pattern !== form.replace('{0}', times[at])) odd.push([at, pattern]);
      });
      const known = kinds.findIndex((kind) => same(kind, [form, odd]));
      return known < 0 ? kinds.push([form, odd]) - 1 : known;
    });
    const record = { 'z.kinds': which.join('') };
    for (const [kind, [form, odd]] of kinds.entries()) {
      record[`z.form${kind}`] = form;
      record[`z.odd${kind}`] = odd;
    }
    return record;
  }

  /** How a day of the week stands beside the time, where that is all there is of the date; and where it does not. */
  weekdays(times) {
    const found = [];
    for (const [width, weekday] of ['short', 'long'].entries()) {
      this.eachTime(times, (options, at) => {
        if (options.hour) found.push([width * times.length + at, this.pattern({ weekday, ...options }), times[at]]);
      });
    }
    const forms = found.map(([, pattern, time]) => pattern.replace(time, '{0}')).filter((form) => form.includes('{0}'));
    const count = (form) => forms.filter((other) => other === form).length;
    const form = [...new Set(forms)].sort((a, b) => count(b) - count(a))[0];
    const odd = found.filter(([, pattern, time]) => pattern !== form.replace('{0}', time)).map(([at, pattern]) => [at, pattern]);
    return { 'j.weekday': form, 'j.weekdays': odd };
  }

  all() {
    const { record } = this;
    record['f.cycle'] = new Intl.DateTimeFormat(this.locale, { hour: 'numeric' }).resolvedOptions().hourCycle;
    // Dates by era, weekday, year, month and day; empty is none at all.
    const dates = [];
    for (const era of ['-', 'short', 'long', 'narrow']) {
      for (const weekday of ['-', 'short', 'long']) {
        for (const year of ['-', 'numeric', '2-digit']) {
          for (const month of ['-', 'numeric', '2-digit', 'short', 'long']) {
            for (const day of ['-', 'numeric', '2-digit']) {
              const options = given({ weekday, era, year, month, day });
              dates.push(Object.keys(options).length === 0 ? '' : this.pattern(options));
            }
          }
        }
      }
    }
    record['d.dates'] = dates;
    record['d.narrow'] = this.narrow(dates);
    // Times by hour, minute and second, on the short clock, on the long one, with the time of day in words.
    const times = [];
    for (const clock of CLOCKS) {
      for (const hour of ['-', 'numeric', '2-digit']) {
        for (const minute of ['-', 'numeric', '2-digit']) {
          for (const second of ['-', 'numeric', '2-digit']) {
            const options = given({ hour, minute, second });
            times.push(Object.keys(options).length === 0 && !clock.dayPeriod ? '' : this.pattern({ ...options, ...clock }));
          }
        }
      }
    }
    record['d.times'] = times;
    const hm = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
    const time = this.pattern(hm);
    const joined = (options) => this.pattern({ ...options, ...hm }).replace(time, '{0}');
    const around = (options) => {
      const date = this.pattern(options);
      const text = joined(options);
      if (!text.includes(date)) throw new Error(`${this.locale}: ${text} is not made of ${date}`);
      return text.replace(date, '{1}');
    };
    record['j.plain'] = around({ day: 'numeric', month: 'numeric' });
    record['j.short'] = around({ day: 'numeric', month: 'short' });
    record['j.long'] = around({ day: 'numeric', month: 'long' });
    record['j.full'] = around({ weekday: 'long', day: 'numeric', month: 'long' });
    Object.assign(record, this.weekdays(times));
    record['j.era'] = joined({ era: 'short' });
    Object.assign(record, this.zones(times, hm));
    record['z.seconds'] = this.pattern({ second: 'numeric', fractionalSecondDigits: 3 });
    // Names of UTC, then what other offsets are called: ahead, behind, with minutes, with two digits.
    const name = (timeZone, timeZoneName) => {
      const found = new Intl.DateTimeFormat(this.locale, { timeZone, timeZoneName }).formatToParts(WEDNESDAY);
      return found.find((part) => part.type === 'timeZoneName').value;
    };
    record['z.utc'] = ZONE_NAMES.map((width) => name('UTC', width)).join('|');
    const offsets = [name('Etc/GMT-2', 'shortOffset'), name('Etc/GMT+2', 'shortOffset'), name('Asia/Kolkata', 'shortOffset'), name('Asia/Kolkata', 'longOffset')];
    const [, before, plus] = offsets[0].match(/^(.*)(.)2$/);
    const minus = offsets[1].slice(before.length, -1);
    const [, colon] = offsets[2].match(/5(.)30$/);
    if (!same(offsets, [`${before}${plus}2`, `${before}${minus}2`, `${before}${plus}5${colon}30`, `${before}${plus}05${colon}30`])) throw new Error(`offsets in ${this.locale}: ${offsets}`);
    record['z.offset'] = [before, plus, minus, colon].join('|');
    // The styles: what the names are, and which clock.
    const STYLES = ['full', 'long', 'medium', 'short'];
    const free = { month: undefined, weekday: undefined };
    record['y.dates'] = STYLES.map((dateStyle) => this.pattern({ dateStyle }, free)).join('|');
    record['y.times'] = CYCLES.flatMap((hourCycle) => STYLES.map((timeStyle) => this.pattern({ timeStyle, hourCycle }))).join('|');
    const short = this.pattern({ timeStyle: 'short' });
    record['y.joins'] = STYLES.map((dateStyle) => {
      const date = this.pattern({ dateStyle }, free);
      return this.pattern({ dateStyle, timeStyle: 'short' }, free).replace(date, '{1}').replace(short, '{0}');
    }).join('|');
    // Both styles, where they are not what is said above: with a clock that is not the usual one.
    const [dates2, times2, joins] = ['y.dates', 'y.times', 'y.joins'].map((key) => record[key].split('|'));
    record['y.odd'] = CYCLES.flatMap((hourCycle, clock) => STYLES.flatMap((dateStyle, i) => STYLES.flatMap((timeStyle, j) => {
      const pattern = this.pattern({ dateStyle, timeStyle, hourCycle }, free);
      const made = joins[i].replace('{1}', dates2[i]).replace('{0}', times2[clock * 4 + j]);
      return pattern === made ? [] : [[(clock * 4 + i) * 4 + j, pattern]];
    })));
    return record;
  }
}

// --- the tables --------------------------------------------------------------------------------------------------

const INDEX = [...'!#$%&()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_abcdefghijklmnopqrstuvwxyz{|}~'];
const patterns = new Map();
const code = (number) => INDEX[Math.floor(number / INDEX.length)] + INDEX[number % INDEX.length];
const index = (pattern) => {
  if (!patterns.has(pattern)) patterns.set(pattern, patterns.size);
  return code(patterns.get(pattern));
};

const difference = (record, parent) => Object.entries(record).filter(([key, value]) => parent[key] !== value);
const size = (entries) => entries.reduce((sum, [key, value]) => sum + key.length + value.length + 2, 0);

function formats() {
  const blocks = [];
  const records = new Map();
  const chain = (name) => (name === undefined ? {} : { ...chain(records.get(name).parent), ...records.get(name).record });
  for (const language of LANGUAGES) {
    for (const tag of tagsOf(language, Intl.DateTimeFormat).filter((tag) => resolves(tag, Intl.NumberFormat))) {
      let record;
      try {
        record = { ...numbers(tag), ...(language === 'en' ? words(tag) : {}), ...lists(tag), ...new Dates(tag).all() };
        const absent = Object.keys(record).find((key) => record[key] === undefined);
        if (absent) throw new Error(`no ${absent}`);
      } catch (error) {
        // A locale that does not fit the form of the tables is left out.
        console.log(`${tag} left out: ${error.message}`);
        continue;
      }
      for (const key of ['d.dates', 'd.times']) record[key] = record[key].map(index).join('');
      for (const key of Object.keys(record).filter((key) => Array.isArray(record[key]))) {
        record[key] = record[key].map(([at, pattern]) => code(at) + index(pattern)).join('');
      }
      const twin = [...records].find(([, other]) => same(other.full, record));
      if (twin) {
        twin[1].aliases.push(tag);
        continue;
      }
      // What is not said is as in the parent: English, or the closest of the same language.
      const parents = [...records].filter(([name]) => name === 'en' || name.split('-')[0] === language);
      const [parent] = parents.map(([name, other]) => [name, size(difference(record, other.full))]).sort((a, b) => a[1] - b[1])[0] ?? [];
      records.set(tag, { parent, record: parent ? Object.fromEntries(difference(record, records.get(parent).full)) : record, full: record, aliases: [] });
      if (record['m.odd']) console.log(tag, 'has odd money');
      console.log(tag, parent, size(Object.entries(records.get(tag).record)));
    }
  }
  for (const [name, { parent, record, aliases }] of records) {
    blocks.push(`[${name}${parent ? ` < ${parent}` : ''}]`);
    if (aliases.length > 0) blocks.push(`= ${aliases.join(' ')}`);
    for (const [key, value] of Object.entries(record)) blocks.push(`${key} ${value}`);
  }
  const digits = CURRENCIES.map((currency) => [currency, new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits]).filter(([, digits]) => digits !== 2);
  writeFileSync(here('formats.txt'), `${blocks.join('\n')}\n`);
  writeFileSync(here('patterns.txt'), `${[...patterns.keys()].join('\n')}\n`);
  writeFileSync(here('currencies.txt'), `${digits.map(([currency, digits]) => `${currency} ${digits}`).join('\n')}\n`);
}

/** Not offered: their data in the collator's library are of another age, or are not there. */
const OTHERWISE = ['haw', 'kl', 'lkt', 'se', 'smn', 'sr-ME', 'tk', 'yi'];

/** Locales that sort in a way of their own or as the root does, with the collations that they offer. */
function collations() {
  const types = Intl.supportedValuesOf('collation');
  const lines = [];
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const two = letters.flatMap((a) => letters.map((b) => a + b));
  for (const language of [...two, ...two.flatMap((start) => letters.map((end) => start + end))]) {
    if (!resolves(language, Intl.Collator)) continue;
    for (const tag of tagsOf(language, Intl.Collator)) {
      if (OTHERWISE.includes(tag)) continue;
      const offered = types.filter((type) => !['phonetic', 'searchjl'].includes(type) && new Intl.Collator(`${tag}-u-co-${type}`).resolvedOptions().collation === type);
      const { caseFirst, ignorePunctuation } = new Intl.Collator(tag).resolvedOptions();
      lines.push([tag, ...offered, ...(caseFirst === 'false' ? [] : [`kf=${caseFirst}`]), ...(ignorePunctuation ? ['shifted'] : [])].join(' '));
    }
  }
  writeFileSync(here('collations.txt'), `${lines.join('\n')}\n`);
}

if (process.argv[2] !== "formats") collations();
if (process.argv[2] !== "collations") formats();
