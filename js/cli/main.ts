/**
 * The command line from end to end: parse, do, report. Whatever a command needs is loaded by that command, so that help
 * and mistakes do not wait for the engine.
 *
 * @module
 */

import { readFileSync } from 'node:fs'

import { helpText } from './help.js'
import { type Command, parseCommand } from './parse.js'
import type { AbsurdCommand } from './parse-absurd.js'
import type { DurableCommand, ForkCommand, ResumeCommand } from './parse-durable.js'
import { UsageError } from './usage-error.js'

/** Does what `argv` says. Never rejects: errors go to stderr and set `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  ignoreClosedPipes()
  try {
    const command = parseCommand(argv, { env: process.env, readFile: (path) => readFileSync(path, 'utf8') })
    await execute(command)
  } catch (error) {
    console.error(errorReport(error))
    process.exitCode ||= error instanceof UsageError ? error.exitCode : 1
  }
}

async function execute(command: Command): Promise<void> {
  switch (command.kind) {
    case 'help':
      console.log(helpText(command.topic))
      return
    case 'version':
      console.log(packageVersion())
      return
    case 'check': {
      const { checkCommand } = await import('./check.js')
      await checkCommand(command)
      return
    }
    case 'doctor': {
      const { doctorCommand } = await import('./doctor.js')
      await doctorCommand(command)
      return
    }
    case 'run': {
      if (command.absurd) {
        const { runAbsurdCommand } = await import('./absurd.js')
        await runAbsurdCommand(command, command.absurd)
        return
      }
      const { runCommand } = await import('./run.js')
      await runCommand(command)
      return
    }
    case 'absurd-init':
    case 'absurd-submit':
    case 'absurd-worker':
    case 'absurd-work-batch':
      await absurd(command)
      return
    case 'list': {
      const { listCommand } = await import('./list.js')
      await listCommand(command)
      return
    }
    case 'resume': {
      const { resumeCommand } = await import('./resume.js')
      await resumeCommand(command)
      return
    }
    case 'fork': {
      const { forkCommand } = await import('./resume.js')
      await forkCommand(command)
      return
    }
    default:
      await look(command)
  }
}

/** What is done with queues of tasks. */
async function absurd(command: AbsurdCommand): Promise<void> {
  const { initCommand, submitCommand, workBatchCommand, workerCommand } = await import('./absurd.js')
  switch (command.kind) {
    case 'absurd-init':
      return await initCommand(command)
    case 'absurd-submit':
      return await submitCommand(command)
    case 'absurd-worker':
      return await workerCommand(command)
    case 'absurd-work-batch':
      return await workBatchCommand(command)
  }
}

/** What is done to the store alone. */
async function look(command: Exclude<DurableCommand, ForkCommand | ResumeCommand>): Promise<void> {
  const { cancelCommand, deleteCommand, eventsCommand, historyCommand, showCommand } = await import('./history.js')
  switch (command.kind) {
    case 'cancel':
      return await cancelCommand(command)
    case 'history':
      return await historyCommand(command)
    case 'history-show':
      return await showCommand(command)
    case 'history-delete':
      return await deleteCommand(command)
    case 'events':
      return await eventsCommand(command)
  }
}

/** The message, and below it what to do about it where the error knows. */
export function errorReport(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const details = (error as { details?: { hint?: unknown } } | null | undefined)?.details
  return typeof details?.hint === 'string' && !message.includes(details.hint) ? `smol-wf: ${message}\nhint: ${details.hint}` : `smol-wf: ${message}`
}

function packageVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

/** A reader that has seen enough (`smol-wf run … | head`) is no reason for a stack trace. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}
