// How values appear on the log.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { formatLogValue } from '../dist/log-format.js'

function nested(depth) {
  return depth === 0 ? {} : { a: nested(depth - 1) }
}

test('strings stay, everything else is shown as util.inspect shows it', () => {
  for (const [value, text] of [
    ['a b', 'a b'],
    ['', ''],
    ["it's", "it's"],
    [undefined, 'undefined'],
    [null, 'null'],
    [1.5, '1.5'],
    [10n, '10n'],
    [Symbol('q'), 'Symbol(q)'],
    [[1, 'a'], "[ 1, 'a' ]"],
    [{ a: { b: [] } }, '{ a: { b: [] } }'],
    [() => 1, '[Function (anonymous)]'],
    [new Map([[1, 2]]), 'Map(1) { 1 => 2 }'],
  ]) {
    assert.equal(formatLogValue(value), text)
  }
})

test('nesting is shown eight levels deep', () => {
  assert.doesNotMatch(formatLogValue(nested(9)), /\[Object\]/)
  assert.match(formatLogValue(nested(10)), /\[Object\]/)
})

test('there are no colours, whatever the environment wants', () => {
  // An escape character inside a string is shown as an escape sequence, so a raw one can only be a colour.
  assert.ok(!formatLogValue({ n: 1, s: 'x', u: undefined }).includes('\u001b'))
})
