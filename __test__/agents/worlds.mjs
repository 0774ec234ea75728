// The real programs of agents, each in a world of its own: a home folder, temporary files and a project that nobody else
// has, a model on loopback, and a mark by which its processes are found. What differs between the programs is here.

import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'

import { runWorkflow } from '@smol-workflow/engine'
import {
  createClaudeCodeAgentProvider,
  createCodexAgentProvider,
  createOpenCodeAgentProvider,
  createPiAgentProvider,
} from '@smol-workflow/engine/agent-providers'

import { FAKE_MODEL, programs, whyNot } from '../../scripts/agent-clis.mjs'
import { script } from '../support.mjs'
import { front } from './front.mjs'

/** Whether the suite was started in a way that keeps the programs away from everything: `isolated`, `open`, or not. */
const started = process.env.SMOL_TEST_AGENTS

/** A word that tells a directive for the fake model. */
export const fake = (reply) => `<<FAKE ${JSON.stringify(reply)} FAKE>>`

/** What Claude Code is told so that it asks nobody but the model, and only once. */
const CLAUDE_ENV = {
  DISABLE_TELEMETRY: '1',
  DISABLE_AUTOUPDATER: '1',
  DISABLE_ERROR_REPORTING: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  CLAUDE_CODE_MAX_RETRIES: '0',
  // As root it allows everything only in what it takes for a sandbox.
  IS_SANDBOX: '1',
}

const codexConfig = (url) => `
model = "gpt-5.5"
model_provider = "fake"
check_for_update_on_startup = false
[model_providers.fake]
name = "fake"
base_url = "${url}/v1"
env_key = "FAKE_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
[analytics]
enabled = false
[otel]
exporter = "none"
[features]
plugins = false
unbounded_connection_retries = false
`

const MODEL = { contextWindow: 128_000, maxTokens: 8192, limit: { context: 128_000, output: 8192 } }

const openCodeConfig = (url) => ({
  autoupdate: false,
  share: 'disabled',
  model: 'fake/fake-model',
  small_model: 'fake/fake-model-small',
  enabled_providers: ['fake'],
  provider: {
    fake: {
      npm: '@ai-sdk/openai-compatible',
      name: 'Fake',
      options: { baseURL: `${url}/v1`, apiKey: '{env:FAKE_KEY}' },
      models: {
        'fake-model': { name: 'Fake', limit: MODEL.limit, tool_call: true, cost: { input: 1, output: 2, cache_read: 0.5, cache_write: 1 } },
        'fake-model-small': { name: 'Fake small', limit: MODEL.limit, tool_call: true },
      },
    },
  },
})

const piModels = (url, key) => ({
  providers: {
    fake: {
      baseUrl: `${url}/v1`,
      api: 'openai-completions',
      apiKey: key ?? 'FAKE_KEY',
      models: ['fake-model', 'fake-model-small'].map((id) => ({
        id,
        contextWindow: MODEL.contextWindow,
        maxTokens: MODEL.maxTokens,
        cost: { input: 1, output: 2, cacheRead: 0.5, cacheWrite: 1 },
      })),
    },
  },
})

/**
 * The four programs. `prepare` gives the environment and the files of the home folder, for a model at an address;
 * `key` is the key that the model is shown, `undefined` for none.
 */
export const KINDS = {
  'claude-code': {
    label: 'Claude Code',
    create: createClaudeCodeAgentProvider,
    prepare: ({ url, key }) => ({ env: { ANTHROPIC_BASE_URL: url, ...(key && { ANTHROPIC_API_KEY: key }), ...CLAUDE_ENV } }),
  },
  codex: {
    label: 'Codex',
    create: createCodexAgentProvider,
    options: { args: ['--skip-git-repo-check'] },
    prepare: ({ url, key, home }) => ({
      env: { CODEX_HOME: join(home, '.codex'), ...(key && { FAKE_KEY: key }) },
      files: { '.codex/config.toml': codexConfig(url) },
    }),
  },
  opencode: {
    label: 'OpenCode',
    create: createOpenCodeAgentProvider,
    prepare: ({ url, key, home }) => ({
      env: {
        OPENCODE_CONFIG: join(home, 'opencode.json'),
        OPENCODE_DISABLE_AUTOUPDATE: '1',
        OPENCODE_DISABLE_MODELS_FETCH: '1',
        OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
        ...(key && { FAKE_KEY: key }),
      },
      files: { 'opencode.json': JSON.stringify(openCodeConfig(url)) },
    }),
  },
  pi: {
    label: 'Pi',
    create: createPiAgentProvider,
    prepare: ({ url, key }) => ({
      env: { PI_OFFLINE: '1', PI_TELEMETRY: '0', ...(key && { FAKE_KEY: key }) },
      files: {
        '.pi/agent/models.json': JSON.stringify(piModels(url, key)),
        '.pi/agent/settings.json': JSON.stringify({
          defaultProvider: 'fake',
          defaultModel: 'fake-model',
          retry: { enabled: false, provider: { maxRetries: 0 } },
        }),
      },
    }),
  },
}

/** Why the cases of a program cannot run, or `false`: the `skip` of `node:test`. */
export function skip(name) {
  const reason = whyNot()
  if (reason) return reason
  if (!started) return 'run it by npm run test:agents, which keeps the program away from everything else'
  return programs()[name] ? false : `there is no ${name} for this platform; npm run test:agents installs what there is`
}

/** Whether there is nothing to be reached but loopback. */
export const isolated = started === 'isolated'

let server
/** The fake model of this file, started when it is first asked for. */
function fakeModel() {
  server ??= new Promise((resolve, reject) => {
    // It ends with us, whatever happens: its stdin closes then.
    const child = spawn(process.execPath, [FAKE_MODEL, '--exit-on-stdin-close'], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.on('error', reject)
    child.stdout.once('data', (line) => resolve({ child, url: JSON.parse(line).url }))
  })
  return server
}
after(async () => (await server)?.child.stdin.end())

const CALL = script('export default ({ prompt, options }) => agent(prompt, options)')

/**
 * A world for one case. When the case is over, nothing of it is left: no file, and no process, which is checked.
 *
 * `options.key` is the key of the model (`null`: none), `options.rewrite` see `front`, `options.project` the files of the
 * project.
 */
export async function world(t, name, { key = 'dummy', rewrite, project: files = {} } = {}) {
  const kind = KINDS[name]
  const base = mkdtempSync(join(tmpdir(), 'w-'))
  const [home, temporary, project] = ['home', 'tmp', 'project'].map((folder) => join(base, folder))
  const model = await front(t, (await fakeModel()).url, { rewrite })
  const mark = randomUUID()
  const prepared = kind.prepare({ url: model.url, key: key ?? undefined, home })
  const env = {
    HOME: home,
    TMPDIR: temporary,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_STATE_HOME: join(home, '.local/state'),
    XDG_CACHE_HOME: join(home, '.cache'),
    AGENT_CASE: mark,
    ...prepared.env,
  }
  for (const folder of [home, temporary, project]) mkdirSync(folder)
  write(home, prepared.files ?? {})
  write(project, files)
  t.after(async () => {
    const left = await survivors(mark)
    for (const { pid } of left) process.kill(pid, 'SIGKILL')
    rmSync(base, { recursive: true, force: true, maxRetries: 5 })
    if (left.length > 0) throw new Error(`left behind: ${left.map(({ pid, line }) => `${pid} ${line}`).join('; ')}`)
  })

  const settings = { ...programs()[name], ...kind.options, env }
  /** The program as a provider. */
  const provider = (options = {}) => kind.create({ ...settings, ...options, env: { ...env, ...options.env } })
  /** Runs a workflow of one call: `{ output, error, ended, spent, events }`, the error being that of the call. */
  const ask = async (prompt, options, { provider: providerOptions, signal } = {}) => {
    const events = []
    const budgetState = { total: null, spent: 0 }
    const run = runWorkflow({
      source: CALL,
      args: { prompt, ...(options && { options }) },
      agentProvider: provider(providerOptions),
      cwd: project,
      budgetState,
      signal,
      onEvent: (event) => events.push(event),
    })
    const settled = await run.then(
      (output) => ({ output }),
      (thrown) => ({ thrown }),
    )
    const ended = events.find(({ type }) => type === 'call.ended')
    return { ...settled, error: ended?.error, ended, events, spent: budgetState.spent }
  }
  return { name, label: kind.label, base, home, project, env, settings, mark, model, provider, ask }
}

function write(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

/** How long what was ended may take to be gone: its grace of 3 seconds, and as much for a machine under load. */
const GONE_MS = 10_000

/**
 * The processes that bear a mark in their environment, once there are none or time is up. Nothing wakes us when
 * strangers end, so they are looked for again and again.
 */
export async function survivors(mark) {
  if (process.platform !== 'linux') return []
  const until = Date.now() + GONE_MS
  for (;;) {
    const found = marked(mark)
    if (found.length === 0 || Date.now() > until) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function marked(mark) {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark)) return []
        return [{ pid: Number(pid), line: readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').slice(0, 200) }]
      } catch {
        // It is gone, or not ours.
        return []
      }
    })
}
