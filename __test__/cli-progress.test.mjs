// Which events of a run are shown, and how. Needs no engine.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { errorReport } from '../dist/cli/main.js'
import { createProgressFormatter } from '../dist/cli/progress.js'

const BUDGET = { total: null, spent: 0 }

function linesOf(...events) {
  const format = createProgressFormatter()
  return events.map((event, index) => format({ runId: 'r', seq: index + 1, at: 0, ...event }))
}

test('log lines', () => {
  for (const [level, values, line] of [
    ['log', ['a', 'b'], '[log] a b'],
    ['log', [], '[log] '],
    ['log', [{ a: [1, 'x'] }, null, 5], "[log] { a: [ 1, 'x' ] } null 5"],
    ['info', ['a', { b: 1 }], 'a { b: 1 }'],
    ['warn', ['w'], 'w'],
    ['error', ['e'], 'e'],
    ['debug', [], ''],
  ]) {
    assert.deepEqual(linesOf({ type: 'log', script: 0, level, values }), [line])
  }
})

test('phases', () => {
  for (const [phase, line] of [
    [{ name: 'Plan' }, '[phase] Plan'],
    [{ name: 'Plan', options: { a: 1 } }, '[phase] Plan { a: 1 }'],
    [{ name: 'Plan', options: null }, '[phase] Plan null'],
    [{ name: 7 }, '[phase] 7'],
  ]) {
    assert.deepEqual(linesOf({ type: 'phase', script: 0, ...phase }), [line])
  }
})

test('a failed agent call is shown where the script gets null for it', () => {
  const ended = { type: 'call.ended', call: 0, script: 0, attempts: 1, kind: 'agent', outcome: 'failed' }
  for (const [form, event, line] of [
    ['body', { ...ended, label: 'review', error: { name: 'Error', message: 'no' } }, '[agent] review: no'],
    ['body', { ...ended, error: { message: 'no' } }, '[agent] agent: no'],
    ['body', { ...ended }, '[agent] agent: failed without a reason'],
    ['body', { ...ended, outcome: 'completed' }, undefined],
    ['body', { ...ended, outcome: 'cancelled' }, undefined],
    ['body', { ...ended, kind: 'child', error: { message: 'no' } }, undefined],
    ['module', { ...ended, error: { message: 'no' } }, undefined],
  ]) {
    assert.deepEqual(linesOf({ type: 'run.started', workflow: 'w', form }, event), [undefined, line])
  }
})

test('warnings are shown, and the rest is not', () => {
  assert.deepEqual(
    linesOf(
      { type: 'warning', code: 'W', message: 'careful' },
      { type: 'run.completed', budget: BUDGET },
      { type: 'call.queued', call: 0, script: 0, kind: 'agent' },
      { type: 'budget.exhausted', budget: BUDGET },
    ),
    ['[warning] careful', undefined, undefined, undefined],
  )
})

test('errors are reported with their hint', () => {
  for (const [error, report] of [
    [new Error('no'), 'smol-wf: no'],
    [Object.assign(new Error('no'), { details: { hint: 'do that' } }), 'smol-wf: no\nhint: do that'],
    [Object.assign(new Error('no'), { details: { hint: 5 } }), 'smol-wf: no'],
    [Object.assign(new Error('no'), { details: {} }), 'smol-wf: no'],
    ['text', 'smol-wf: text'],
    [undefined, 'smol-wf: undefined'],
    [null, 'smol-wf: null'],
  ]) {
    assert.equal(errorReport(error), report)
  }
})
