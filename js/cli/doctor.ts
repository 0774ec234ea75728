/**
 * `smol-wf doctor`: whether everything that a run needs is there, to stdout. Gathers; the words for people are in
 * `doctor-text.ts`.
 *
 * @module
 */

import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

import type { DoctorReport, Problem, ProviderReport, Tool } from './doctor-text.js'
import { doctorText } from './doctor-text.js'
import { type DoctorCommand, notAFolder } from './parse-doctor.js'

/** What the engine says of the programs that it knows. */
type Examination = { git: Tool; providers: Omit<ProviderReport, 'builtIn'>[] }

/** Prints the report, and sets `process.exitCode` if the default provider cannot be used. */
export async function doctorCommand({ json, cwd }: DoctorCommand): Promise<void> {
  if (cwd !== undefined && !statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) throw notAFolder(cwd)
  const report = await examine(resolve(cwd ?? '.'), process.env['SMOL_WF_AGENT_PROVIDER'])
  console.log(json ? JSON.stringify(report, null, 2) : doctorText(report))
  if (!report.ok) process.exitCode = 1
}

/** `asked` is the provider that the environment names for the command line. */
async function examine(cwd: string, asked: string | undefined): Promise<DoctorReport> {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest
  const report: DoctorReport = {
    ok: false,
    node: nodeReport(manifest.engines.node),
    engine: { version: manifest.version, platform: `${process.platform}-${process.arch}`, problems: [] },
    git: null,
    config: { file: null, problems: [], unknownVariables: [] },
    defaultProvider: { name: null, from: null, usable: false },
    providers: [],
    workflows: [],
  }
  let engine: Engine
  try {
    engine = await loadEngine()
  } catch (error) {
    report.engine.problems.push(problemOf(error))
    return report
  }
  const providers = await examineConfig(report, engine, cwd, asked)
  const examined = JSON.parse(await engine.native.examineProviders(cwd, JSON.stringify(providers))) as Examination
  report.git = examined.git
  report.providers = providerReports(examined, engine.native.providerNames())
  report.workflows = await workflowReports(engine, cwd)
  judge(report)
  return report
}

type Manifest = { version: string; engines: { node: string } }
type Engine = Awaited<ReturnType<typeof loadEngine>>

/** Loaded late: without its native part there is still something to be said. */
async function loadEngine() {
  const native = await import('../native.js')
  const { findConfig, loadConfig, providersFor } = await import('../config.js')
  const { readLibrary } = await import('../list.js')
  return { native, findConfig, loadConfig, providersFor, readLibrary }
}

function nodeReport(needs: string): DoctorReport['node'] {
  const least = Number.parseInt(needs.replace(/^\D+/, ''), 10)
  const found = Number.parseInt(process.versions.node, 10)
  const problems: Problem[] =
    found >= least
      ? []
      : [{ severity: 'error', message: `Node.js ${process.version} is older than ${needs}`, mend: `install Node.js ${needs}` }]
  return { version: process.version, needs, problems }
}

/** Fills in the configuration and the default provider; the settings of the providers, none if there is a mistake. */
async function examineConfig(report: DoctorReport, engine: Engine, cwd: string, asked: string | undefined) {
  let named: string | undefined
  let providers = {}
  try {
    report.config.file = engine.findConfig(cwd) ?? null
    const loaded = await engine.loadConfig({ cwd })
    report.config.unknownVariables = loaded.unknownVariables
    named = loaded.config.provider
    providers = engine.providersFor(loaded)
  } catch (error) {
    report.config.problems.push(problemOf(error))
    // What it names is not known. `smol-wf run` does not go on either.
    if (asked === undefined) return providers
  }
  const choice = asked !== undefined ? [asked, '$SMOL_WF_AGENT_PROVIDER'] : named !== undefined ? [named, 'the configuration'] : ['debug', 'nothing else named']
  report.defaultProvider = { name: choice[0] as string, from: choice[1] as string, usable: false }
  return providers
}

function providerReports({ providers }: Examination, builtIn: readonly string[]): ProviderReport[] {
  const debug: ProviderReport = { name: 'debug', builtIn: true, usable: true, problems: [] }
  const clis = providers.map((provider): ProviderReport => {
    if (builtIn.includes(provider.name)) return { ...provider, builtIn: true }
    const message = 'this version of the engine has no provider of that name'
    return { ...provider, builtIn: false, usable: false, problems: [...provider.problems, { severity: 'error', message }] }
  })
  return [debug, ...clis]
}

async function workflowReports({ readLibrary }: Engine, cwd: string): Promise<DoctorReport['workflows']> {
  const { folders, files } = await readLibrary(cwd)
  return folders.map((folder) => {
    const count = (status: string) => files.filter((file) => file.folder === folder && file.status === status).length
    const exists = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false
    return { folder, exists, available: count('available'), shadowed: count('shadowed'), skipped: count('skipped') }
  })
}

function judge(report: DoctorReport): void {
  const { defaultProvider, providers } = report
  defaultProvider.usable = providers.some((provider) => provider.name === defaultProvider.name && provider.usable)
  report.ok = defaultProvider.usable && [report.node, report.engine, report.config].every(({ problems }) => problems.length === 0)
}

function problemOf(error: unknown): Problem {
  const { details, message } = error as { details?: { hint?: unknown }; message?: unknown }
  const hint = details?.hint
  const text = String(message ?? error).replace(/\nhint: .*$/s, '')
  return { severity: 'error', message: text, ...(typeof hint === 'string' && { mend: hint }) }
}
