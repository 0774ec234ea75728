// What the documentation shows is what happens. In README.md and docs/:
//
//   ```js name.js     is a file; the files of one page stand in one folder
//   ```console        is a session in that folder, called /project: commands after `$ `, and what they print
//   ```text demo      is what `npm run demo` prints
//   ```js             without a name is a script, which must run under `debug`
//
// Other blocks are not looked at.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'

import { runWorkflow } from '@smol-workflow/engine'

import { cli, folder, root, smolWf } from './support.mjs'

/** The pages with examples that can be run. */
const PAGES = ['README.md', 'docs/workflow-scripts.md', 'docs/check.md', 'docs/configuration.md', 'docs/events.md', 'docs/errors.md', 'docs/differences.md', 'docs/absurd.md']

const blocks = (page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms)].map(
    ([, language, name, text]) => ({ language, name, text }),
  )

/** A folder with the files of a page, where `smol-wf` and the package are found. */
function project(t, files) {
  const path = folder(t, {
    ...Object.fromEntries(files.map(({ name, text }) => [name, text])),
    'bin/smol-wf': `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`,
  })
  spawnSync('chmod', ['+x', join(path, 'bin', 'smol-wf')])
  const link = join(path, 'node_modules', '@smol-workflow', 'engine')
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(root, link, 'junction')
  return path
}

for (const page of PAGES) {
  const all = blocks(page)
  const files = all.filter(({ language, name }) => name && language !== 'text')

  test(`the sessions of ${page}`, { skip: process.platform === 'win32' && 'they are for a POSIX shell' }, (t) => {
    const cwd = project(t, files)
    const env = { ...process.env, HOME: cwd, NO_COLOR: '1', PATH: [join(cwd, 'bin'), process.env.PATH].join(delimiter) }
    for (const { text } of all.filter(({ language }) => language === 'console')) {
      for (const session of text.split(/^\$ /m).slice(1)) {
        const [command, ...lines] = session.split('\n')
        const shell = spawnSync('sh', ['-c', `{ ${command.replace(/^npx /, '')}\n} 2>&1`], { cwd, env, encoding: 'utf8' })
        const printed = shell.stdout.replaceAll(realpathSync(cwd), '/project').replaceAll(cwd, '/project')
        assert.equal(printed.trimEnd(), lines.join('\n').trimEnd(), command)
      }
    }
  })

  for (const [index, { text }] of all.filter(({ language, name }) => language === 'js' && !name).entries()) {
    test(`script ${index + 1} without a name in ${page} runs`, async () => {
      const meta = /^export const meta\b/m.test(text) ? '' : "export const meta = { name: 'n', description: 'd' }\n"
      const end = text.includes('export default') ? '' : '\nif (!meta) return'
      await runWorkflow({ source: `${meta}${text}${end}`, onEvent: () => {} })
    })
  }
}

test('the demo prints what README.md says', async () => {
  const { text } = blocks('README.md').find(({ name }) => name === 'demo')
  const { stdout, stderr } = await smolWf(['run', 'examples/code-review.js', '--agent-provider', 'debug'], { cwd: root })
  assert.equal(stderr + stdout, text)
})

test('links between the pages lead somewhere', () => {
  const pages = ['.', 'docs', 'docs/design'].flatMap((path) =>
    readdirSync(join(root, path))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(path, name)),
  )
  const broken = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '')
    return [...text.matchAll(/\]\(([^)#\s]+)(#[^)\s]*)?\)/g)]
      .map(([, target]) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page}: ${target}`)
  })
  assert.deepEqual(broken, [])
})

test('docs/errors.md has every code that the sources know, and no other', () => {
  const sources = ['src', 'js'].flatMap((path) =>
    readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(rs|ts|js)$/.test(name) && !/tests?(ing)?\.rs$|\/tests\//.test(name))
      .map((name) => readFileSync(join(root, path, name), 'utf8').split('#[cfg(test)]\nmod tests')[0]),
  )
  const codes = (text) => new Set(text.match(/\b(?:ERR|WARN)_[A-Z]+(?:_[A-Z]+)*\b/g))
  const known = codes(sources.join('\n'))
  const documented = codes(readFileSync(join(root, 'docs/errors.md'), 'utf8'))
  assert.deepEqual([...known].filter((code) => !documented.has(code)), [], 'not in docs/errors.md')
  assert.deepEqual([...documented].filter((code) => !known.has(code)), [], 'in docs/errors.md only')
})
