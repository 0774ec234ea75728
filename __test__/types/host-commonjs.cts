// The same package from a CommonJS file, under the strictest module resolution.

import engine = require('@smol-workflow/engine')
import type { RunWorkflowOptions, WorkflowEvent } from '@smol-workflow/engine'
import { runWorkflow, WorkflowError } from '@smol-workflow/engine'
import { type AgentProvider, createAgentProvider } from '@smol-workflow/engine/agent-providers'
import { parseBudgetSnapshot, type WorkflowBudgetSnapshot } from '@smol-workflow/engine/budget'
import { readWorkflowMetadata } from '@smol-workflow/engine/metadata'

const provider: AgentProvider = createAgentProvider('debug')
const onEvent = (event: WorkflowEvent): number => event.seq
const options: RunWorkflowOptions = { scriptPath: 'script.js', agentProvider: provider, onEvent }
const results: Promise<unknown>[] = [runWorkflow(options), engine.runWorkflow(options)]
const snapshot: WorkflowBudgetSnapshot = parseBudgetSnapshot('{}')
const code = (error: unknown): string => (error instanceof WorkflowError ? error.code : '')
const name: string | undefined = readWorkflowMetadata('')?.name
// @ts-expect-error not an option
runWorkflow({ scriptPath: 'script.js', nope: 1 })
// @ts-expect-error the globals of scripts are not those of their hosts
agent('x')

export = { results, snapshot, code, name }
