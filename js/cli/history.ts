/**
 * `smol-wf history`, `cancel` and `events`: what is in the store, to stdout.
 *
 * @module
 */

import type { RunFilter } from '../engine-types.js'
import { WorkflowError } from '../index.js'
import { isFinal } from '../status.js'
import { deletedText, historyText, ownerText, runText } from './history-text.js'
import { outputText } from './output-text.js'
import type { CancelCommand, DeleteCommand, EventsCommand, HistoryCommand, ShowCommand } from './parse-durable.js'
import { createProgressFormatter } from './progress.js'
import { withEngine } from './store.js'
import type { Moment } from './tokens.js'

const LOOKING = { create: false, readOnly: true }

/** Prints the runs that fit, the newest first. Finding none is no failure. */
export async function historyCommand({ store, status, name, since, limit, json }: HistoryCommand): Promise<void> {
  const now = Date.now()
  const filter: RunFilter = {
    ...(status.length > 0 && { status }),
    ...(name !== undefined && { name }),
    ...(since !== undefined && { since: moment(since, now) }),
    ...(limit !== undefined && { limit }),
  }
  const runs = await withEngine(store, LOOKING, (engine) => engine.list(filter))
  if (json) console.log(JSON.stringify(runs, null, 2))
  else if (runs.length === 0) console.error('no runs')
  else console.log(historyText(runs, now))
}

/** Prints one run, or what the agent of one of its calls has printed. */
export async function showCommand({ store, id, output: call, json }: ShowCommand): Promise<void> {
  if (call !== undefined) {
    const outputs = await withEngine(store, LOOKING, (engine) => engine.output(id, call))
    console.log(json ? JSON.stringify(outputs, null, 2) : outputText(outputs))
    return
  }
  const run = await withEngine(store, LOOKING, (engine) => engine.inspect(id))
  console.log(json ? JSON.stringify(run, null, 2) : runText(run, Date.now()))
}

/** Deletes runs, and says which and how much that was. */
export async function deleteCommand({ store, ids, status, name, before, dryRun }: DeleteCommand): Promise<void> {
  const now = Date.now()
  const filter: RunFilter = {
    ...(status.length > 0 && { status }),
    ...(name !== undefined && { name }),
    ...(before !== undefined && { finishedBefore: moment(before, now) }),
  }
  await withEngine(store, { create: false }, async (engine) => {
    const found = ids.length > 0 ? await Promise.all([...new Set(ids)].map((id) => engine.inspect(id))) : await engine.list(filter)
    const deleted = await engine.delete(ids.length > 0 ? ids : filter, { dryRun })
    if (found.length > 0) console.log(historyText(found, now))
    console.error(deletedText(deleted, found.length, dryRun))
  })
}

/** Asks whoever is at work on a run to cancel it. */
export async function cancelCommand({ store, id, reason }: CancelCommand): Promise<void> {
  const [before, run] = await withEngine(store, { create: false }, async (engine) => [
    await engine.inspect(id),
    await engine.cancel(id, reason),
  ])
  if (isFinal(before.status)) {
    const hint = `there is nothing to cancel; smol-wf history show ${id} shows what came of it`
    throw new WorkflowError(`run ${id} is over: it is ${before.status}`, { code: 'ERR_RUN_FINISHED', details: { hint } })
  }
  // It was suspended, and has cleaned up.
  if (isFinal(run.status)) return console.error(`run ${id} is ${run.status}`)
  const { owner } = run
  if (owner?.alive) console.error(`run ${id} is to be cancelled: ${ownerText(owner)} is at work on it`)
  else console.error(`run ${id} is to be cancelled, but nobody is at work on it${owner === null ? '' : `: it was ${ownerText(owner)}`}`)
}

/** Prints the events of a run: the lines that it showed, or all of it as lines of JSON. */
export async function eventsCommand({ store, id, from, follow, json }: EventsCommand): Promise<void> {
  await withEngine(store, LOOKING, async (engine) => {
    const format = createProgressFormatter()
    // The lines of later events take their words from earlier ones.
    for await (const event of engine.events(id, { from: json ? from : 1, follow })) {
      const line = json ? JSON.stringify(event) : format(event)
      if (line !== undefined && event.seq >= from) console.log(line)
      // Nobody reads any more: a run that goes on for hours is no reason to stay.
      if (!process.stdout.writable) return
    }
    const { status } = await engine.inspect(id)
    if (follow && !isFinal(status)) {
      console.error(`run ${id} is not over, and nobody is at work on it: smol-wf resume ${id} goes on with it`)
    }
  })
}

function moment(when: Moment, now: number): number {
  return 'at' in when ? when.at : now - when.ago
}
