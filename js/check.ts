/**
 * `checkWorkflow`: everything that can be known about a script without running it.
 *
 * @module
 */

import { fileURLToPath } from 'node:url'

import type { CheckWorkflowOptions, WorkflowCheck, WorkflowScript } from './check-types.js'
import { WorkflowError } from './errors.js'
import { checkWorkflow as checkNative, type NativeCheckOptions } from './native.js'
import { checkKnown } from './options.js'

/**
 * Checks a workflow script without running it. Whatever is wrong with the script is among the findings, also that there
 * is no such file; rejects with a {@link WorkflowError} for options that cannot be.
 */
export async function checkWorkflow(script: WorkflowScript, options: CheckWorkflowOptions = {}): Promise<WorkflowCheck> {
  checkKnown(options, { cwd: 'string', imports: 'string' }, 'checkWorkflow()')
  return JSON.parse(await checkNative({ ...toNative(script), cwd: options.cwd ?? undefined, imports: options.imports ?? undefined })) as WorkflowCheck
}

function toNative(script: WorkflowScript): NativeCheckOptions {
  if (typeof script === 'string') return /[\n\r]/.test(script) ? { source: script } : { scriptPath: script }
  if (script instanceof URL) return { scriptPath: fileURLToPath(script) }
  if (typeof script !== 'object' || script === null) {
    throw refuse('script', `must be a path, a source or an object with one of them, got ${script === null ? 'null' : typeof script}`)
  }
  checkKnown(script, { scriptPath: 'string', source: 'string', scriptName: 'string' }, 'checkWorkflow()')
  const { scriptPath, source, scriptName } = script as { scriptPath?: string; source?: string; scriptName?: string }
  if ((scriptPath === undefined) === (source === undefined)) throw refuse('scriptPath', 'give either scriptPath or source')
  return { scriptPath, source, sourceName: scriptName }
}

function refuse(option: string, message: string): WorkflowError {
  return new WorkflowError(`${option}: ${message}`, { code: 'ERR_INVALID_OPTION', details: { option } })
}
