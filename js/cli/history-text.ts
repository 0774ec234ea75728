/**
 * Durable runs, as people read about them. Pure.
 *
 * @module
 */

import type { DeletedRuns, RunInspection, RunSummary } from '../engine-types.js'
import { isInterrupted } from '../status.js'
import type { WorkflowWait } from '../types.js'

const HEAD = ['ID', 'WORKFLOW', 'STATUS', 'STARTED', 'TOOK', 'TOKENS']
const NUMBERS = ['TOOK', 'TOKENS']
/** A column for suspended runs, if there are any. */
const WAITS = 'WAITS FOR'

/** A table, a line per run. */
export function historyText(runs: readonly RunSummary[], now: number): string {
  const waits = runs.some(({ blockedOn }) => blockedOn !== null)
  const head = waits ? [...HEAD, WAITS] : HEAD
  const rows = [
    head,
    ...runs.map((run) => {
      const cells = [run.id, run.name, statusText(run), timeText(run.createdAt), tookText(run, now), String(run.spent)]
      return [...cells, ...(waits ? [waitText(run)] : [])].map(visible)
    }),
  ]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => length(row[column] as string))))
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => {
        const rest = ' '.repeat((widths[column] as number) - length(cell))
        return NUMBERS.includes(head[column] as string) ? rest + cell : cell + rest
      })
      return cells.join('  ').trimEnd()
    })
    .join('\n')
}

/** Everything about one run. */
export function runText(run: RunInspection, now: number): string {
  const { owner, wakeAt, cancelRequested, forkOf, error } = run
  const lines: [string, string | null][] = [
    ['id', run.id],
    ['workflow', run.name],
    ['script', run.script],
    ['status', statusText(run)],
    ['waits for', run.blockedOn && waitsText(run.blockedOn)],
    ['wakes', wakeAt === null ? null : timeText(wakeAt)],
    ['owner', owner && ownerText(owner)],
    ['to be cancelled', cancelRequested],
    ['fork of', forkOf],
    ['started', timeText(run.createdAt)],
    ['finished', run.finishedAt === null ? null : timeText(run.finishedAt)],
    ['took', tookText(run, now)],
    ['tokens', String(run.spent)],
    ['last event', String(run.lastSeq)],
    ['args', run.args === null ? null : JSON.stringify(run.args, null, 2)],
    ['result', run.status === 'completed' ? JSON.stringify(run.result ?? null, null, 2) : null],
    ['error', error && `${error.code}: ${error.message}`],
  ]
  const given = lines.filter((line): line is [string, string] => line[1] !== null)
  const width = Math.max(...given.map(([name]) => name.length)) + 2
  return given
    .map(([name, text]) => {
      const [first, ...rest] = text.split('\n').map(visible)
      return [name.padEnd(width) + first, ...rest.map((line) => ' '.repeat(width) + line)].join('\n')
    })
    .join('\n')
}

/** Where a run stands. One that is under way with nobody at work on it was interrupted. */
function statusText({ status, owner }: RunSummary): string {
  return isInterrupted({ status, owner }) ? 'interrupted' : status
}

/** Which process that is. */
export function ownerText({ pid, host, alive }: NonNullable<RunSummary['owner']>): string {
  return `process ${pid}${host === '' ? '' : ` on ${host}`}${alive ? '' : ', which is gone'}`
}

/** What was deleted, or would be. `found` runs fit; those that somebody is at work on stay. */
export function deletedText({ runs, entries, bytes, fileBytes }: DeletedRuns, found: number, dryRun: boolean): string {
  const what = `${count(runs, 'run')} with ${count(entries, 'event')} (${sizeText(bytes)})`
  const kept = found > runs ? `; ${found - runs} not, as somebody is at work on them` : ''
  if (dryRun) return `would delete ${what}${kept}`
  return `deleted ${what}${kept}; the file is ${sizeText(fileBytes)} smaller`
}

/** The first thing that a run waits for. */
function waitText({ blockedOn, wakeAt }: RunSummary): string {
  const [first] = blockedOn ?? []
  return first === undefined ? '' : `${first.what} until ${timeText(wakeAt ?? first.until)}`
}

/** All that is known of it, a line each. */
function waitsText(waits: readonly WorkflowWait[]): string {
  return waits
    .map(({ what, call, since, until }) => `${what} (call ${call}) since ${timeText(since)} until ${timeText(until)}`)
    .join('\n')
}

/** How long a run has taken, or takes so far. */
function tookText({ createdAt, finishedAt }: RunSummary, now: number): string {
  return durationText(Math.max(0, (finishedAt ?? now) - createdAt))
}

function durationText(ms: number): string {
  if (ms < 1_000) return `${ms}ms`
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 60) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m${pad(seconds % 60)}s`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours}h${pad(minutes % 60)}m` : `${Math.floor(hours / 24)}d${pad(hours % 24)}h`
}

/** In the time zone of whoever reads it. */
export function timeText(at: number): string {
  const date = new Date(at)
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
}

function sizeText(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1_024 ** power).toFixed(1)} ${units[power - 1]}`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function pad(number: number): string {
  return String(number).padStart(2, '0')
}

function length(text: string): number {
  return [...text].length
}

/** Names and messages may hold anything; none of it is to move the cursor of a terminal. */
function visible(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\u{fffd}')
}
