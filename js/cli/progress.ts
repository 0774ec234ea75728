/**
 * From what a run tells to the lines that people watch. Pure.
 *
 * @module
 */

import { formatLogValue } from '../log-format.js'
import { timeText } from './history-text.js'
import type { WorkflowErrorData, WorkflowEvent, WorktreeReport } from '../types.js'

function advice(error: WorkflowErrorData | undefined): string {
  return error?.hint === undefined ? '' : ` (${error.hint})`
}

/** Where the work of an agent is; nothing if there is none. */
function worktree(report: WorktreeReport): string | undefined {
  switch (report.outcome) {
    case 'unchanged':
      return undefined
    case 'kept':
      return `changes are on the branch ${report.branch}${report.folder ? `, in ${report.folder.path}` : ''}`
    case 'merged':
      return `changes are merged into ${report.into}`
    case 'patch':
      return `changes are in ${report.patch}, and on the branch ${report.branch}`
    case 'conflict':
      return `changes could not be merged (${report.why}); they are on the branch ${report.branch}`
    case 'discarded':
      return `changes were thrown away (commit ${report.commit})`
  }
}

/** Makes the line for one event, `undefined` for events that are not shown. One formatter per run. */
export function createProgressFormatter(): (event: WorkflowEvent) => string | undefined {
  // Where failed agent calls reject, the script decides what to say about them; where they silently give null, the
  // reason must not get lost.
  let showFailedAgents = false
  /** What calls under way are called. */
  const labels = new Map<number, string>()
  return (event) => {
    switch (event.type) {
      case 'run.started':
        showFailedAgents = event.form === 'body'
        return undefined
      case 'log': {
        const text = event.values.map(formatLogValue).join(' ')
        return event.level === 'log' ? `[log] ${text}` : text
      }
      case 'phase': {
        const options = event.options === undefined ? '' : ` ${formatLogValue(event.options)}`
        return `[phase] ${formatLogValue(event.name)}${options}`
      }
      case 'call.started':
        if (event.kind === 'agent') labels.set(event.call, event.label ?? 'agent')
        return undefined
      case 'run.suspended':
        return `[sleep] until ${timeText(event.wakeAt)}`
      case 'call.waiting': {
        const seconds = Math.ceil(event.delayMs / 1000)
        return `[agent] ${labels.get(event.call)}: ${event.reason}, trying again in ${seconds} s: ${event.error.message}`
      }
      case 'call.ended': {
        labels.delete(event.call)
        const tree = event.worktree && worktree(event.worktree)
        if (tree !== undefined) return `[worktree] ${event.label ?? 'agent'}: ${tree}`
        if (!showFailedAgents || event.kind !== 'agent' || event.outcome !== 'failed') return undefined
        return `[agent] ${event.label ?? 'agent'}: ${event.error?.message ?? 'failed without a reason'}${advice(event.error)}`
      }
      case 'warning':
        return `[warning] ${event.message}`
      default:
        return undefined
    }
  }
}
