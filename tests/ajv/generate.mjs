// Writes pairs.json: schemas, values, and what Ajv says about them. A development tool; nothing runs it in CI.
//
//   mkdir somewhere && cd somewhere && npm init -y && npm i ajv@8.20.0
//   node <here>/generate.mjs > <here>/pairs.json
//
// Made with Node.js 20. The same seed gives the same file. Pairs of the default dialect come from Ajv's default class, those of 2019-09
// and 2020-12 from the classes for these dialects.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.cwd(), 'package.json'))
const Ajv = require('ajv')
const Ajv2019 = require('ajv/dist/2019')
const Ajv2020 = require('ajv/dist/2020')
const OPTIONS = { allErrors: true, strict: false, logger: false }

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
const chance = (p) => random() < p
const some = (list, least, most) => {
  const left = [...list]
  const out = []
  for (let n = least + int(most - least + 1); n > 0 && left.length; n--) out.push(left.splice(int(left.length), 1)[0])
  return out
}
const times = (n, f) => Array.from({ length: n }, (_, i) => f(i))

const KEYS = ['a', 'b', 'c', 'd', 'x1', 'a/b', 'm~n', '10', '2', 'é', '']
const STRINGS = ['', 'a', 'ab', 'abc', 'abcd', 'x1', '1', 'é🙂', '🙂🙂', 'B', 'a b', 'line\nbreak', 'a@b.c']
const NUMBERS = [0, 1, 2, 3, 5, 10, -1, 1.5, 0.3, 0.1, -2.5, 1e21, 1e-7, 100]
const TYPES = ['string', 'number', 'integer', 'boolean', 'null', 'object', 'array']
const PATTERNS = [
  '^a', 'b$', '^[a-z]+$', '\\d', '^\\p{L}+$', '^(?=.*a)(?!.*b)', '^.{1,2}$', '^$', '🙂', '\\u{1F642}', '[\\w-]+@',
  '^(a|b)\\1?$', '\\s', '^[^\\s]*$', 'x|y', '^\\w{2,}$', '(?<=a)b', '^(?:ab?c?)+$', '"', '\\/',
]

function value(depth = 2) {
  const kind = int(depth > 0 ? 8 : 5)
  if (kind < 2) return pick(STRINGS)
  if (kind < 4) return pick(NUMBERS)
  if (kind === 4) return pick([true, false, null])
  if (kind === 5) return times(int(5), () => value(depth - 1))
  const object = {}
  for (const key of some(KEYS, 0, 4)) object[key] = value(depth - 1)
  return object
}

// What a schema may hold at one place: `modern` keywords only for the newer dialects.
class Schemas {
  constructor(dialect) {
    this.dialect = dialect
    this.modern = dialect !== 7
  }

  // `floor`: definitions from this number on may be referred to in place (so that no reference leads back).
  schema(depth, floor) {
    if (chance(0.04)) return pick([true, false])
    if (chance(0.03)) return {}
    const out = {}
    for (let n = 1 + int(3); n > 0; n--) this.keyword(out, depth, floor)
    if (chance(0.25)) this.keyword(out, depth, floor, pick(['type', 'enum']))
    return out
  }

  reference(floor) {
    const at = this.dialect === 7 ? 'definitions' : '$defs'
    return floor < 3 ? `#/${at}/d${floor + int(3 - floor)}` : '#/x-shared'
  }

  // A schema for a part of the value, where references may lead anywhere.
  part(depth, floor) {
    return chance(0.06) ? { $ref: chance(0.5) ? '#' : this.reference(0) } : this.schema(depth - 1, floor)
  }

  keyword(out, depth, floor, only) {
    const leaf = ['type', 'const', 'enum', 'maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf',
      'maxLength', 'minLength', 'pattern', 'format', 'maxItems', 'minItems', 'uniqueItems', 'maxProperties',
      'minProperties', 'required', 'dependencies', 'type', 'type', 'noise']
    const nested = ['$ref', 'not', 'anyOf', 'oneOf', 'allOf', 'if', 'items', 'tuple', 'contains', 'propertyNames',
      'additionalProperties', 'dependencies', 'properties', 'properties', 'patternProperties']
    if (this.modern) {
      leaf.push('dependentRequired')
      nested.push('dependentSchemas', 'unevaluatedProperties', 'unevaluatedItems', 'minContains')
    }
    const keyword = only ?? pick(depth > 0 && chance(0.65) ? nested : leaf)
    const sub = () => this.schema(depth - 1, floor)
    const part = () => this.part(depth, floor)
    const named = (keys, f) => Object.fromEntries(some(keys, 1, 3).map((key) => [key, f(key)]))
    switch (keyword) {
      case 'type':
        out.type = chance(0.75) ? pick(TYPES) : some(TYPES, 1, 3)
        if (chance(0.1)) out.nullable = !(out.type === 'null' || out.type.includes?.('null')) && chance(0.8)
        if (out.nullable === false && [out.type].flat().includes('null')) delete out.nullable
        break
      case 'const': out.const = value(1); break
      case 'enum': out.enum = [...new Map(times(1 + int(3), () => value(1)).map((v) => [JSON.stringify(v), v])).values()]; break
      case 'maximum': case 'minimum': case 'exclusiveMaximum': case 'exclusiveMinimum':
        out[keyword] = pick(NUMBERS); break
      case 'multipleOf': out.multipleOf = pick([1, 2, 0.1, 0.3, 0.5, 1.5, 1e-7]); break
      case 'maxLength': case 'minLength': case 'maxItems': case 'minItems': case 'maxProperties': case 'minProperties':
        out[keyword] = int(4); break
      case 'pattern': out.pattern = pick(PATTERNS); break
      case 'format': out.format = pick(['email', 'date', 'nonsense']); break
      case 'uniqueItems': out.uniqueItems = chance(0.9); break
      case 'required': out.required = some(KEYS, 0, 3); break
      case 'dependencies':
        out.dependencies = named(KEYS, () => (depth > 0 && chance(0.4) ? sub() : some(KEYS, 0, 3))); break
      case 'dependentRequired': out.dependentRequired = named(KEYS, () => some(KEYS, 0, 3)); break
      case 'dependentSchemas': out.dependentSchemas = named(KEYS, sub); break
      // Unknown to draft-07, and annotations: nothing may come of them.
      case 'noise':
        Object.assign(out, pick([
          { title: 't', description: 'd' }, { default: 1 }, { examples: [{ type: 'nonsense' }] }, { $comment: 'c' },
          { contentEncoding: 'base64' }, { contentMediaType: 'application/json' }, { colour: { minimum: 'red' } },
          ...(this.modern ? [] : [
            { prefixItems: [false] }, { dependentRequired: { a: ['b'] } }, { dependentSchemas: { a: false } },
            { unevaluatedProperties: false }, { unevaluatedItems: false }, { minContains: 3 }, { maxContains: 0 },
            { $dynamicRef: '#nope' }, { $recursiveRef: '#' },
          ]),
        ]))
        break
      case '$ref': out.$ref = this.reference(floor); break
      case 'not': out.not = sub(); break
      case 'anyOf': case 'oneOf': case 'allOf': out[keyword] = times(1 + int(3), sub); break
      case 'if':
        out.if = sub()
        if (chance(0.8)) out.then = sub()
        if (chance(0.6)) out.else = sub()
        break
      case 'items': out.items = part(); break
      case 'tuple':
        if (this.dialect === 2020) {
          out.prefixItems = times(1 + int(3), part)
          if (chance(0.5)) out.items = chance(0.4) ? false : part()
        } else {
          out.items = times(1 + int(3), part)
          if (chance(0.6)) out.additionalItems = chance(0.4) ? chance(0.8) ? false : true : part()
        }
        break
      case 'contains': out.contains = sub(); break
      case 'minContains':
        out.contains = sub()
        if (chance(0.6)) out.minContains = int(3)
        if (chance(0.5)) out.maxContains = 1 + int(3)
        break
      case 'propertyNames': out.propertyNames = chance(0.5) ? { pattern: pick(PATTERNS) } : sub(); break
      case 'additionalProperties': case 'unevaluatedProperties':
        out[keyword] = chance(0.5) ? false : part(); break
      case 'unevaluatedItems': out.unevaluatedItems = chance(0.6) ? false : part(); break
      case 'properties': out.properties = named(KEYS, part); break
      case 'patternProperties': out.patternProperties = named(PATTERNS, part); break
    }
  }

  root() {
    const out = this.schema(3, 0)
    if (typeof out === 'boolean') return this.modern ? { $schema: this.uri(), not: {} } : out
    const at = this.dialect === 7 ? 'definitions' : '$defs'
    if (JSON.stringify(out).includes(`#/`)) {
      out[at] = Object.fromEntries(times(3, (i) => [`d${i}`, this.schema(1, i + 1)]))
      out['x-shared'] = { type: pick(TYPES) }
    }
    if (this.modern) return { $schema: this.uri(), ...out }
    if (chance(0.03)) return { $schema: pick(['http://json-schema.org/draft-07/schema', 'http://json-schema.org/draft-07/schema#']), ...out }
    if (chance(0.03)) return { $id: `http://example.com/s${int(1000)}`, ...out }
    return out
  }

  uri() {
    return `https://json-schema.org/draft/${this.dialect === 2019 ? '2019-09' : '2020-12'}/schema`
  }
}

// A value that is likely to get past the outer keywords of a schema.
function fitting(schema, root, depth = 4) {
  if (typeof schema !== 'object' || depth === 0 || chance(0.15)) return value(1)
  if (schema.$ref && chance(0.8)) {
    const target = schema.$ref.slice(1).split('/').slice(1).reduce((at, key) => at?.[key], root)
    return fitting(target ?? true, root, depth - 1)
  }
  if ('const' in schema && chance(0.8)) return schema.const
  if (schema.enum && chance(0.8)) return pick(schema.enum)
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    if (schema[keyword] && chance(0.3)) return fitting(pick(schema[keyword]), root, depth - 1)
  }
  let type = pick([schema.type ?? guess(schema)].flat())
  if (schema.nullable && chance(0.2)) type = 'null'
  const sub = (s) => fitting(s, root, depth - 1)
  switch (type) {
    case 'string': return pick(STRINGS)
    case 'number': return pick(NUMBERS)
    case 'integer': return chance(0.8) ? int(12) - 2 : pick(NUMBERS)
    case 'boolean': return chance(0.5)
    case 'null': return null
    case 'array': {
      const tuple = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : [])
      const rest = Array.isArray(schema.items) ? schema.additionalItems : schema.items
      const each = rest ?? schema.contains ?? schema.unevaluatedItems ?? true
      const items = [...tuple.slice(0, int(tuple.length + 1)).map(sub), ...times(int(4), () => sub(chance(0.3) ? schema.contains ?? each : each))]
      if (items.length && chance(0.3)) items.splice(int(items.length + 1), 0, pick(items))
      return items
    }
    case 'object': {
      const object = {}
      for (const [key, s] of Object.entries(schema.properties ?? {})) if (chance(0.8)) object[key] = sub(s)
      for (const key of schema.required ?? []) if (chance(0.7)) object[key] ??= value(1)
      for (const key of Object.keys(schema.dependencies ?? schema.dependentRequired ?? schema.dependentSchemas ?? {})) {
        if (chance(0.7)) object[key] ??= value(1)
      }
      const extra = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : true
      for (const key of some(KEYS, 0, 2)) object[key] ??= sub(extra)
      for (const s of Object.values(schema.patternProperties ?? {})) object[pick(STRINGS)] ??= sub(s)
      return object
    }
  }
  return value(2)
}

function guess(schema) {
  const has = (...keywords) => keywords.some((keyword) => keyword in schema)
  const types = []
  if (has('maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf')) types.push('number')
  if (has('maxLength', 'minLength', 'pattern')) types.push('string')
  if (has('maxItems', 'minItems', 'items', 'prefixItems', 'contains', 'uniqueItems', 'unevaluatedItems')) types.push('array')
  if (has('maxProperties', 'minProperties', 'required', 'propertyNames', 'additionalProperties', 'dependencies',
    'properties', 'patternProperties', 'dependentRequired', 'dependentSchemas', 'unevaluatedProperties')) types.push('object')
  return types.length ? types : TYPES
}

function errorsOf(validate, v) {
  return validate(v) ? [] : validate.errors.map((e) => `${e.instancePath || '/'} ${e.message}`)
}

function pairs(Class, dialect, count) {
  const schemas = new Schemas(dialect)
  const out = []
  const seen = new Set()
  for (let total = 0; total < count;) {
    const schema = schemas.root()
    const text = JSON.stringify(schema)
    if (seen.has(text) || text.length > 1500) continue
    seen.add(text)
    const validate = new Class(OPTIONS).compile(JSON.parse(text))
    const cases = []
    const values = new Set()
    for (let n = 0; n < 6 && cases.length < 3; n++) {
      const v = chance(0.8) ? fitting(schema, schema) : value(3)
      const json = JSON.stringify(v)
      if (values.has(json) || json.length > 300) continue
      values.add(json)
      let errors
      try {
        errors = errorsOf(validate, JSON.parse(json))
      } catch (error) {
        // The code that Ajv generates for unevaluatedProperties in a branch can be faulty.
        if (dialect !== 7 && error instanceof TypeError) continue
        throw error
      }
      // Of the pairs without errors, a part is enough.
      if (JSON.stringify(errors).length > 1500 || (errors.length === 0 && chance(0.4))) continue
      cases.push([v, errors])
    }
    if (!cases.length) continue
    out.push([schema, ...cases])
    total += cases.length
  }
  return out
}

// Schemas that cannot be used, with what the original says.
const REFUSED = [
  null, 5, 'x', [], { type: 'strin' }, { type: [] }, { type: ['string', 'string'] }, { $schema: 5 },
  { $schema: 'http://json-schema.org/draft-04/schema#' }, { $schema: 'http://json-schema.org/draft-06/schema#' },
  { $schema: 'nonsense' }, { minimum: 'x' }, { minLength: -1 }, { maxItems: 1.5 }, { required: 'a' },
  { required: ['a', 'a'] }, { required: [1] }, { enum: [] }, { enum: [1, 1] }, { enum: 'x' }, { properties: [] },
  { properties: { a: 5 } }, { items: 5 }, { items: [] }, { anyOf: [] }, { anyOf: {} }, { not: null },
  { multipleOf: 0 }, { multipleOf: -1 }, { additionalProperties: 'no' }, { dependencies: { a: 5 } },
  { definitions: { a: { type: 'x' } } }, { if: 1 }, { title: 5 }, { $ref: 5 }, { $comment: 1 }, { format: 5 },
  { uniqueItems: 'yes' }, { patternProperties: { a: null } }, { properties: { a: { properties: { 'b/c': { type: 1 } } } } },
  { $ref: '#/nope' }, { $ref: '#/definitions/a', definitions: {} }, { $ref: '#nope' }, { $ref: 'http://example.com/other.json' },
  { $ref: 'other.json#/a' }, { $id: 'http://example.com/root.json', $ref: 'other.json' },
  { $id: 'http://example.com/root.json', properties: { a: { $id: 'sub/x.json', items: { $ref: 'y.json#/b' } } } },
  { properties: { a: { $ref: '#/definitions/b/c' } }, definitions: { b: {} } },
  { nullable: true }, { type: 'null', nullable: false }, { id: 'x' }, { type: 'string', nullable: 'yes' },
  { $ref: '#/x', x: { minimum: 'y' } }, { $ref: '#/x', x: { type: 'nope' } }, { $ref: '#/x', x: { enum: [] } },
  { properties: { a: { $id: '#x' }, b: { $id: '#x' } } },
  ...['(', 'a)', '[a', '*', '+a', '?', 'a**', '\\', '(?', '(?x)', '{1}', 'a{1', '{', '}', ']', '(a', 'a|*', '(?:', '[b-', '^*']
    .map((pattern) => ({ pattern })),
  { patternProperties: { '(': true } }, { properties: { a: { patternProperties: { '[': {} } } } },
]

function refused() {
  const out = []
  for (const schema of REFUSED) {
    try {
      new Ajv.default(OPTIONS).compile(JSON.parse(JSON.stringify(schema)))
    } catch (error) {
      out.push([schema, error.message])
      continue
    }
    // Accepted after all.
    out.push([schema, null])
  }
  return out
}

// Patterns on their own: which strings V8 finds a match in, or what it says is wrong.
const SUBJECTS = [
  '', 'a', 'A', 'b', 'ab', 'aab', 'abc', 'a1', '1', '12', '٣', 'é', 'É', 'ß', '🙂', '🙂🙂', 'a🙂', ' ', '\n', 'a\nb', 'a\r', '\u2028',
  '\u00a0', '\ufeff', '_', '-', 'a-b', 'a_b', 'a.b', 'a@b.co', '2024-01-31', '(x)', '[x]', '{x}', '$', '^', '\\', '/', 'aaaa', 'abab',
  'Ω', 'K', '\u0085', '#', '\t', 'foo:bar', 'key=value',
]
const PROBES = [
  ...PATTERNS, '.', '^.$', '^..$', '\\d', '\\D', '^\\w$', '^\\W$', '\\s', '^\\S$', '\\bb', '\\Bb', '^[^a]$', '[a-c]', '[^\\d]', '[\\d\\s]', '^[\\w.-]+$',
  '\\.', '\\/', '\\$', '\\^', '\\\\', '\\(', '\\[', '\\{', '\\u0061', '\\u{61}', '\\x61', '\\t', '\\n', '\\r', '\\v', '\\f', '\\0', '\\cJ', '[\\b]',
  'a|b', 'a|', '(a)(b)', '(?:ab)+', '(?<n>a)\\k<n>', '(a)\\1', '(?=a)', '(?!a)', '^(?!a)', '(?<=a)b', '(?<!a)b', '^(?=.*\\d)(?=.*[a-z]).{2,}$',
  '(?=\\d)', '(?=\\w)$', '^(?!.*\\s).+$', 'a*?', 'a+?b', 'a??', 'a{2}', 'a{2,}', 'a{1,2}?', '^a{0}$', '\\p{L}', '\\p{Lu}', '\\P{L}', '[\\p{L}\\d]',
  '\\p{Letter}', '\\p{Script=Greek}', '\\p{sc=Greek}', '\\p{Emoji}', '\\p{Emoji_Presentation}', '\\p{ASCII}', '\\p{Alphabetic}', '\\p{White_Space}',
  '^\\p{Uppercase}', '\\p{General_Category=Decimal_Number}', '\\p{Nd}', '\\u{1F642}', '\\ud83d\\ude42', '[🙂a]', '^[\\u{1F600}-\\u{1F64F}]+$',
  '^[a-z&&b]$', '^[a--b]', '[[]', '[a[b]', '^[^]$', '[]', '$^', '^$', '(^a|b$)', '[-a]', '[a-]', '[a\\-b]', '^(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)(?:\\.|$)){4}$',
  '^\\d{4}-\\d{2}-\\d{2}$', '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$', '^#?[0-9a-fA-F]*$', '(a*)*b', '^(a+)+$', '(?:a|ab)(?:c|bcd)?$', '\\k', '\\-', '\\a', '\\_', '\\u', '\\u{110000}',
  '\\x6', '\\c', '\\1', '\\2(a)', '(?<n>a)(?<n>b)', '(?<1>a)', '\\k<x>', '\\p{Nope}', '\\p', 'a{2,1}', '[b-a]', '[\\d-z]', '(?i)a', '(?i:a)', '\\Z', '\\A', '\\z',
  '(?<=a', '(?>a)', 'a++', '\\Qa\\E', '[[:alpha:]]', '\\h', '\\G', '(?#x)', '(?P<n>a)', '\\e', '\\07', '\\00', '(?=a)*', '(?<!a)+', '\\b+', 'x{,2}', ')(',
]

function patterns() {
  return [SUBJECTS, ...[...new Set(PROBES)].map((pattern) => {
    try {
      const regex = new RegExp(pattern, 'u')
      return [pattern, SUBJECTS.map((subject) => (regex.test(subject) ? 1 : 0)).join('')]
    } catch (error) {
      return [pattern, error.message]
    }
  })]
}

const row = (rows) => rows.map((r) => JSON.stringify(r)).join(',\n')
process.stdout.write(`{"draft-07":[\n${row(pairs(Ajv.default, 7, 3600))}\n],\n"2019-09":[\n${row(pairs(Ajv2019.default, 2019, 500))}\n],\n"2020-12":[\n${row(pairs(Ajv2020.default, 2020, 500))}\n],\n"refused":[\n${row(refused())}\n],\n"patterns":[\n${row(patterns())}\n]}\n`)
