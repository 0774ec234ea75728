/**
 * From what a run tells to the lines that people watch. Pure.
 *
 * @module
 */

import { formatLogValue } from '../log-format.js'
import type { WorkflowErrorData, WorkflowEvent } from '../types.js'

function advice(error: WorkflowErrorData | undefined): string {
  return error?.hint === undefined ? '' : ` (${error.hint})`
}

/** Makes the line for one event, `undefined` for events that are not shown. One formatter per run. */
export function createProgressFormatter(): (event: WorkflowEvent) => string | undefined {
  // Where failed agent calls reject, the script decides what to say about them; where they silently give null, the
  // reason must not get lost.
  let showFailedAgents = false
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
      case 'call.ended':
        if (!showFailedAgents || event.kind !== 'agent' || event.outcome !== 'failed') return undefined
        return `[agent] ${event.label ?? 'agent'}: ${event.error?.message ?? 'failed without a reason'}${advice(event.error)}`
      case 'warning':
        return `[warning] ${event.message}`
      default:
        return undefined
    }
  }
}
