// The module `@smol-workflow/engine/budget`.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createBudget, parseBudgetSnapshot, updateBudgetSnapshot } from '@smol-workflow/engine/budget'

const NOTHING = { total: null, spent: 0 }

test('a snapshot is read from JSON text, field by field', () => {
  for (const [text, expected] of [
    [undefined, NOTHING],
    ['', NOTHING],
    ['not json', NOTHING],
    ['null', NOTHING],
    ['5', NOTHING],
    ['[]', NOTHING],
    ['{}', NOTHING],
    ['{"total":"100","spent":"5"}', NOTHING],
    ['{"total":null,"spent":null}', NOTHING],
    ['{"total":1e999,"spent":1e999}', NOTHING],
    ['{"total":100,"spent":25}', { total: 100, spent: 25 }],
    ['{"total":100}', { total: 100, spent: 0 }],
    ['{"spent":25}', { total: null, spent: 25 }],
    ['{"total":-5,"spent":2.5}', { total: -5, spent: 2.5 }],
  ]) {
    assert.deepEqual(parseBudgetSnapshot(text), expected, `${text}`)
  }
})

test('a budget asks for its numbers at every access', () => {
  const snapshot = { total: 100, spent: 25 }
  const budget = createBudget(() => snapshot)
  const seen = () => [budget.total, budget.spent(), budget.remaining()]

  assert.deepEqual(seen(), [100, 25, 75])
  snapshot.spent = 120
  assert.deepEqual(seen(), [100, 120, 0])
  snapshot.total = null
  assert.deepEqual(seen(), [null, 120, Infinity])
})

test('a budget shows its total as JSON', () => {
  const budget = createBudget(() => NOTHING)
  assert.deepEqual(Object.keys(budget), ['total', 'spent', 'remaining'])
  assert.equal(JSON.stringify(budget), '{"total":null}')
})

test('remaining() floors at 0', () => {
  for (const [total, remaining] of [
    [0, 0],
    [-5, 0],
    [2.5, 2.5],
    [null, Infinity],
  ]) {
    assert.equal(createBudget(() => ({ total, spent: 0 })).remaining(), remaining, `${total}`)
  }
})

test('an update replaces what it names and keeps the rest', () => {
  for (const [spent, total, expected] of [
    [40, 200, { total: 200, spent: 40 }],
    [40, null, { total: null, spent: 40 }],
    [-10, undefined, { total: 100, spent: 0 }],
    [Infinity, undefined, { total: 100, spent: 25 }],
    [NaN, undefined, { total: 100, spent: 25 }],
    [undefined, undefined, { total: 100, spent: 25 }],
    ['7', '8', { total: 100, spent: 25 }],
  ]) {
    const snapshot = { total: 100, spent: 25 }
    updateBudgetSnapshot(snapshot, spent, total)
    assert.deepEqual(snapshot, expected, `${spent}, ${total}`)
  }
})
