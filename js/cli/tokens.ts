/**
 * What the parts of a command line have in common: how flags get their values, and which values numbers are. Pure.
 *
 * @module
 */

import { UsageError } from './usage-error.js'

/** What a flag has been given; `true`: nothing. */
export type Value = string | true

/** A value stands after the first `=`, or is the next token unless that starts with `--`. */
export function splitToken(token: string, next: string | undefined): { flag: string; value: Value; used: number } {
  const equals = token.indexOf('=')
  if (equals >= 0) return { flag: token.slice(0, equals), value: token.slice(equals + 1), used: 1 }
  if (next === undefined || next.startsWith('--')) return { flag: token, value: true, used: 1 }
  return { flag: token, value: next, used: 2 }
}

/** A text that must be there. */
export function parseText(flag: string, value: Value): string {
  if (value === true || value === '') throw new UsageError(`Missing value for ${flag}`)
  return value
}

/** One of several words. */
export function parseWord<Word extends string>(flag: string, value: Value, words: readonly Word[]): Word {
  const text = parseText(flag, value)
  const word = words.find((known) => known === text)
  if (word === undefined) throw new UsageError(`${flag} must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}: ${text}`)
  return word
}

/** Output tokens. */
export function parseBudget(name: string, value: Value): number {
  if (value === true) throw new UsageError(`${name} must be a number`)
  const number = canonicalInteger(value)
  if (number === undefined) throw new UsageError(`${name} must be a non-negative integer`)
  return number
}

/** Agent calls at once; `Infinity` for `none`. */
export function parseCap(flag: string, value: Value): number {
  if (value === true) throw new UsageError(`${flag} must be a number`)
  if (value.trim() === 'none') return Number.POSITIVE_INFINITY
  const number = canonicalInteger(value)
  if (!number) throw new UsageError(`${flag} must be a positive integer or none`)
  return number
}

/** How many, or which one: from 1 on. */
export function parsePositive(flag: string, value: Value): number {
  const number = canonicalInteger(parseText(flag, value))
  if (!number) throw new UsageError(`${flag} must be a positive integer`)
  return number
}

/** A moment: so many milliseconds ago, or since 1970. */
export type Moment = { readonly ago: number } | { readonly at: number }

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** A duration (`90m`, `7d`) or a date, in the time zone of whoever types it unless it says otherwise. */
export function parseMoment(flag: string, value: Value): Moment {
  const text = parseText(flag, value).trim()
  const duration = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text)
  if (duration) return { ago: Number(duration[1]) * (UNITS[duration[2] as string] as number) }
  // Only this form: what else `Date.parse` takes differs from one version of Node.js to the next.
  const date = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text)
  const at = date ? Date.parse(`${date[1]}T${date[2] ?? '00:00'}${date[3] ?? ''}`) : Number.NaN
  // A 30th of February would otherwise be one of March.
  const real = date && new Date(`${date[1]}T00:00Z`).toJSON()?.startsWith(date[1] as string)
  if (!real || Number.isNaN(at)) {
    throw new UsageError(`${flag} must be a duration or a date: ${text}`, 'such as 90m, 12h, 7d, 2w, 2026-01-31 or 2026-01-31T18:30')
  }
  return { at }
}

/** A non-negative whole number written the one usual way: no sign, no leading zeros, no fraction. */
function canonicalInteger(text: string): number | undefined {
  const trimmed = text.trim()
  const number = Number(trimmed)
  return /^\d+$/.test(trimmed) && String(number) === trimmed ? number : undefined
}
