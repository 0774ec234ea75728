// Runs workflows from a program of your own.
//
//   node examples/embed.mjs
//
// In another project the import reads the same, once @smol-workflow/engine is installed there.

import { fileURLToPath } from 'node:url'

import { CancelledError, runWorkflow } from '@smol-workflow/engine'
import { generateDebugValueFromSchema } from '@smol-workflow/engine/agent-providers'

const example = (name) => fileURLToPath(new URL(name, import.meta.url))

// 1. onAgent: one function answers every agent call. It may be async, and may say what the answer cost.
async function withHandler() {
  const result = await runWorkflow({
    scriptPath: example('summarize.js'),
    args: { text: 'The parser is twice as fast. Two bugs are fixed.', sentences: 1 },
    onAgent: async (prompt, options) => {
      console.log(`  asked: ${options.label}, ${prompt.length} characters`)
      return { output: { headline: 'Faster', summary: 'Twice as fast, fewer bugs.' }, usage: { outputTokens: 12 } }
    },
  })
  console.log('  result:', result)
}

// 2. A provider of your own, beside everything that can be watched. `name` and `run` are all that is needed.
async function withProvider() {
  const provider = {
    name: 'in-house',
    async run({ prompt, options, context }) {
      // A real provider hands context.signal to whatever it starts: it aborts when nobody waits for the answer.
      context.signal.throwIfAborted()
      const output = options?.schema ? generateDebugValueFromSchema(options.schema) : `answer to: ${prompt}`
      return { output, usage: { outputTokens: 25 } }
    },
  }
  const budgetState = { total: 10_000, spent: 0 }
  const calls = new Map()
  await runWorkflow({
    scriptPath: example('code-review.js'),
    args: { target: 'HEAD~1', dimensions: ['correctness', 'security'] },
    agentProvider: provider,
    budgetState,
    maxParallelAgents: 2,
    onPhase: (name) => console.log(`  phase: ${name}`),
    onLog: (...values) => console.log('  log:', ...values),
    onEvent: (event) => {
      if (event.type === 'call.ended') calls.set(event.outcome, (calls.get(event.outcome) ?? 0) + 1)
    },
  })
  console.log('  calls:', Object.fromEntries(calls), 'tokens:', budgetState.spent)
}

// 3. A signal ends a run; the script may clean up first. Here it comes as soon as the first agent is asked.
async function withSignal() {
  const controller = new AbortController()
  const source = `
    export const meta = { name: 'patient', description: 'waits for an agent that never answers' }
    try {
      return await agent('take your time')
    } finally {
      log('cleaning up')
    }`
  try {
    await runWorkflow({
      source,
      signal: controller.signal,
      onLog: (...values) => console.log('  log:', ...values),
      onAgent: () => {
        controller.abort(new Error('changed my mind'))
        return new Promise(() => {})
      },
    })
  } catch (error) {
    console.log('  cancelled:', error instanceof CancelledError, error.code, `(${error.cause.message})`)
  }
}

for (const [title, show] of Object.entries({
  'a handler': withHandler,
  'a provider': withProvider,
  'a signal': withSignal,
})) {
  console.log(title)
  await show()
}
