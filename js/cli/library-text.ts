/**
 * The workflows that can be run by name as people read them. Pure.
 *
 * @module
 */

import { basename, isAbsolute, relative, sep } from 'node:path'

import type { WorkflowLibrary, WorkflowListing } from '../list.js'

/** How the text is to be laid out. */
export type LibraryTextOptions = {
  /** Paths below this folder are shown relative to it. Absolute. */
  readonly cwd: string
  /** Where lines end, in columns. `Infinity`: nowhere. */
  readonly width: number
}

/** Names beyond this get a line of their own. */
const MAX_NAME = 28
/** Too narrow a terminal gets long lines instead of single words. */
const MIN_TEXT = 30

/** All files, by folder; what no name leads to stands in parentheses. */
export function libraryText({ folders, files }: WorkflowLibrary, { cwd, width }: LibraryTextOptions): string {
  if (files.length === 0) {
    return ['no workflows found; looked in', ...folders.map((folder) => `  ${shortPath(folder, cwd)}`)].join('\n')
  }
  const longest = Math.max(...files.map((file) => title(file).length))
  const indent = 2 + Math.min(longest, MAX_NAME) + 2
  const sections = folders.flatMap((folder) => {
    const own = files.filter((file) => file.folder === folder)
    if (own.length === 0) return []
    return [[shortPath(folder, cwd), ...own.map((file) => entry(file, cwd, indent, width))].join('\n')]
  })
  return sections.join('\n\n')
}

/** What a list of available workflows leaves out; `undefined` if that is nothing. */
export function leftOut({ files }: WorkflowLibrary): string | undefined {
  const count = (status: WorkflowListing['status']) => files.filter((file) => file.status === status).length
  const [shadowed, skipped] = [count('shadowed'), count('skipped')]
  const parts = [
    ...(skipped > 0 ? [`${skipped} ${skipped === 1 ? 'file' : 'files'} passed over`] : []),
    ...(shadowed > 0 ? [`${shadowed} shadowed by others of the same name`] : []),
  ]
  return parts.length === 0 ? undefined : `smol-wf: ${parts.join(', ')}; --all shows them`
}

function entry(file: WorkflowListing, cwd: string, indent: number, width: number): string {
  const name = `  ${title(file)}`
  const text = details(file, cwd).flatMap((line) => wrap(line, Math.max(MIN_TEXT, width - indent)))
  const lines = [...text, shortPath(file.path, cwd)]
  const margin = ' '.repeat(indent)
  const beside = name.length + 2 <= indent
  const first = beside ? [`${name.padEnd(indent)}${lines.shift() ?? ''}`] : [name]
  return [...first, ...lines.map((line) => margin + line)].map((line) => line.trimEnd()).join('\n')
}

function title(file: WorkflowListing): string {
  if (file.status === 'available') return plain(file.name)
  return `(${plain(file.status === 'shadowed' ? file.name : basename(file.path))})`
}

function details(file: WorkflowListing, cwd: string): string[] {
  if (file.status === 'skipped') return [`passed over: ${plain(file.reason)}`]
  if (file.status === 'shadowed') return [`shadowed by ${shortPath(file.shadowedBy, cwd)}`]
  const phases = file.phases ?? []
  return [
    plain(file.description),
    ...(file.whenToUse === undefined ? [] : [`when to use: ${plain(file.whenToUse)}`]),
    ...(phases.length === 0 ? [] : [`phases: ${phases.map((phase) => plain(phase.title)).join(', ')}`]),
  ]
}

/** In one line, and without what would move the cursor of a terminal: the files may be anybody's. */
function plain(text: string): string {
  return visible(text.replaceAll(/\s+/g, ' ').trim())
}

function visible(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\u{fffd}')
}

function shortPath(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return visible(short === '' || short === '..' || short.startsWith(`..${sep}`) || isAbsolute(short) ? path : short)
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
