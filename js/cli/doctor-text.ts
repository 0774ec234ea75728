/**
 * What `smol-wf doctor` has found, as people read it. Pure.
 *
 * @module
 */

/** Something wrong. */
export type Problem = {
  /** `error`: whatever has it cannot be used. */
  severity: 'error' | 'warning'
  message: string
  /** What to do about it. */
  mend?: string
}

/** A program. */
export type Tool = { command: string; path: string | null; version: string | null; problems: Problem[] }

/** A provider; those without a program have `name`, `builtIn`, `usable` and `problems` only. */
export type ProviderReport = Partial<Omit<Tool, 'problems'>> & {
  name: string
  /** Whether the engine can run it. */
  builtIn: boolean
  usable: boolean
  problems: Problem[]
  /** The versions that the engine was measured with, the oldest first. */
  measured?: string[]
  /** How `version` stands to them. */
  standing?: 'measured' | 'older' | 'between' | 'newer' | 'unknown'
  /** `evidence` are names of variables and paths of files. */
  login?: { state: 'yes' | 'no' | 'unknown'; evidence: string[] }
}

/** The document of `--json`. */
export type DoctorReport = {
  /** The default provider can be used, and nothing else keeps `smol-wf run` from running. */
  ok: boolean
  node: { version: string; needs: string; problems: Problem[] }
  engine: { version: string; platform: string; problems: Problem[] }
  /** `null` if it was not looked at, because the engine does not load. */
  git: Tool | null
  config: { file: string | null; problems: Problem[]; unknownVariables: string[] }
  /** `name` and `from` are `null` if a mistake in the configuration hides them. */
  defaultProvider: { name: string | null; from: string | null; usable: boolean }
  providers: ProviderReport[]
  workflows: { folder: string; exists: boolean; available: number; shadowed: number; skipped: number }[]
}

type Entry = { subject: string; text: string; problems: readonly Problem[]; mark?: string }

const WIDTH = 13

/** The report, an entry per line; what is wrong and how to mend it below. */
export function doctorText(report: DoctorReport): string {
  const { defaultProvider } = report
  const entries = [
    { subject: 'node', text: report.node.version, problems: report.node.problems },
    { subject: 'engine', text: `${report.engine.version} on ${report.engine.platform}`, problems: report.engine.problems },
    ...(report.git === null ? [] : [{ subject: 'git', text: toolText(report.git), problems: report.git.problems }]),
    configEntry(report.config),
    ...(report.providers.length === 0 ? [] : [workflowEntry(report.workflows)]),
    ...report.providers.map((provider) => providerEntry(provider, provider.name === defaultProvider.name)),
  ]
  return [...entries.map(entryText), '', verdict(report)].join('\n')
}

function entryText({ subject, text, problems, mark }: Entry): string {
  const worst = problems.some(({ severity }) => severity === 'error') ? 'fail' : problems.length > 0 ? 'warn' : 'ok'
  const margin = ' '.repeat(6 + WIDTH)
  const below = problems.flatMap(({ message, mend }) => [message, ...(mend === undefined ? [] : [`-> ${mend}`])])
  const lines = [text, ...below].filter((line) => line !== '').flatMap((line) => line.split('\n'))
  const [first, ...rest] = lines.map(visible)
  return [`${(mark ?? worst).padEnd(6)}${subject.padEnd(WIDTH)}${first ?? ''}`, ...rest.map((line) => margin + line)].join('\n')
}

/** Paths and messages may hold anything; none of it is to move the cursor of a terminal. */
function visible(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\u{fffd}')
}

function toolText({ version, path }: Pick<Tool, 'version' | 'path'>): string {
  return [version ?? '', path === null ? '' : `(${path})`].filter((part) => part !== '').join(' ')
}

function configEntry({ file, problems, unknownVariables }: DoctorReport['config']): Entry {
  const unknown = unknownVariables.map((name): Problem => ({ severity: 'warning', message: `the variable ${name} means nothing` }))
  return { subject: 'config', text: file ?? (problems.length > 0 ? '' : 'none'), problems: [...problems, ...unknown] }
}

function workflowEntry(folders: DoctorReport['workflows']): Entry {
  const lines = folders
    .filter(({ exists }) => exists)
    .map(({ folder, available, shadowed, skipped }) => {
      const others = [...(shadowed > 0 ? [`${shadowed} shadowed`] : []), ...(skipped > 0 ? [`${skipped} passed over`] : [])]
      return `${available} in ${folder}${others.length > 0 ? ` (${others.join(', ')}; smol-wf list --all)` : ''}`
    })
  return { subject: 'workflows', text: lines.join('\n') || 'none by name', problems: [] }
}

function providerEntry(provider: ProviderReport, isDefault: boolean): Entry {
  const { name, path, login, standing, problems } = provider
  // Nobody needs all of them.
  const absent = path === null && !isDefault
  const about = [
    ...(path === undefined ? ['makes its answers up'] : []),
    ...(path ? [toolText({ version: provider.version ?? null, path })] : []),
    ...(standing === 'newer' ? [`newer than ${provider.measured?.at(-1)}, which this engine was measured with`] : []),
    ...(login?.state === 'yes' && path ? [`logged in, by ${login.evidence.join(', ')}`] : []),
  ]
  const entry = { subject: name, text: about.join('; '), problems }
  return absent ? { ...entry, mark: 'none' } : entry
}

function verdict({ ok, defaultProvider: { name, from, usable } }: DoctorReport): string {
  if (name === null) return 'There is no telling which provider is the default; see what is marked fail.'
  if (!usable) return `The default provider, ${name} (${from}), cannot be used.`
  return ok ? `The default provider, ${name} (${from}), can be used.` : `The default provider, ${name}, could be used; see what is marked fail.`
}
