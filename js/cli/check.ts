/**
 * `smol-wf check`: findings to stdout, a summary to stderr.
 *
 * @module
 */

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { checkWorkflow, type WorkflowCheck, type WorkflowFinding } from '../index.js'
import type { CheckCommand } from './parse-check.js'

/** What workflow files end in; declarations have no code. */
const WORKFLOW_FILE = /(?<!\.d)\.m?[jt]s$/

/** Checks the scripts, prints what was found and sets `process.exitCode` if that is an error. */
export async function checkCommand(command: CheckCommand): Promise<void> {
  const options = { imports: command.imports, ...(command.cwd !== undefined && { cwd: command.cwd }) }
  const files: WorkflowCheck[] = []
  for (const path of command.paths) {
    if (!isFolder(path)) {
      files.push(await checkWorkflow({ scriptPath: path }, options))
      continue
    }
    const inFolder: WorkflowCheck[] = []
    // One after the other: a check takes milliseconds, and findings come in the order of the scripts.
    for (const script of scriptsIn(path)) inFolder.push(await checkWorkflow({ scriptPath: script }, options))
    const workflows = inFolder.filter((file) => !isSomethingElse(file))
    files.push(...(workflows.length > 0 ? workflows : [nothingIn(path)]))
  }
  const findings = files.flatMap((file) => file.findings)
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const warnings = findings.length - errors
  const ok = errors === 0 && !(command.strict && warnings > 0)
  if (command.json) console.log(JSON.stringify({ ok, errors, warnings, files }, null, 2))
  else if (findings.length > 0) console.log(findings.map(findingText).join('\n\n'))
  console.error(summary(files.length, errors, warnings))
  if (!ok) process.exitCode = 1
}

function scriptsIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && WORKFLOW_FILE.test(entry.name))
    .map((entry) => join(folder, entry.name))
    .sort()
}

/** A file without any `meta` is a helper or a program. What is missing altogether is reported at the first line. */
function isSomethingElse({ findings }: WorkflowCheck): boolean {
  return findings.some(({ code, line, column, frame }) => {
    return code === 'ERR_WORKFLOW_METADATA' && line === 1 && column === 1 && frame !== ''
  })
}

/** What cannot be looked at is for the check to report. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function nothingIn(folder: string): WorkflowCheck {
  const finding: WorkflowFinding = {
    severity: 'error',
    code: 'ERR_WORKFLOW_METADATA',
    message: 'the folder has no workflows: looked for .js, .mjs, .ts and .mts files directly in it that have a meta',
    file: folder,
    line: 1,
    column: 1,
    frame: '',
  }
  return { file: folder, ok: false, findings: [finding] }
}

/** One finding as people read it. */
function findingText({ file, line, column, severity, code, message, frame, hint }: WorkflowFinding): string {
  const lines = [`${file}:${line}:${column}: ${severity} ${code} ${message}`]
  if (frame !== '') lines.push(frame)
  if (hint !== undefined) lines.push(`hint: ${hint}`)
  return lines.join('\n')
}

function summary(scripts: number, errors: number, warnings: number): string {
  const counted = [count(errors, 'error'), count(warnings, 'warning')].filter((text) => !text.startsWith('0 '))
  return `checked ${count(scripts, 'script')}: ${counted.join(', ') || 'nothing found'}`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
