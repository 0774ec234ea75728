// From js/ to dist/: compiles the modules, and makes each entry of the package loadable by require() too.
//
// There is one instance of every module, the ES module: `dist/x.cjs` hands out what `require` makes of `dist/x.js`. The
// declarations are copied to `.d.cts`, since TypeScript lets a CommonJS file import declarations of its own kind only.

import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'

import { manifest, root, SetupError, tsc } from './lib.mjs'

const dist = join(root, 'dist')
const RELATIVE_IMPORT = /(\bfrom\s+|\bimport\()(["'])(\.{1,2}\/[^"']+)\.js\2/g

/** Rebuilds dist/; returns whether TypeScript is content. */
export function buildTypeScript() {
  rmSync(dist, { recursive: true, force: true })
  if (!tsc('--project', 'tsconfig.json', '--noEmitOnError')) return false
  const done = new Set()
  for (const [name, conditions] of Object.entries(manifest.exports)) {
    if (!conditions.require) continue
    writeFileSync(join(root, conditions.require.default), loader(name, conditions))
    copyDeclarations(join(root, conditions.import.types), done)
  }
  for (const file of Object.values(manifest.bin)) chmodSync(join(root, file), 0o755)
  return true
}

function loader(name, conditions) {
  const specifier = manifest.name + name.slice(1)
  return `'use strict'
try {
  module.exports = require('./${basename(conditions.import.default)}')
} catch (error) {
  if (error?.code !== 'ERR_REQUIRE_ESM') throw error
  throw new Error(
    "require('${specifier}') needs Node.js 20.19, 22.12 or newer, this is " + process.version +
      "; here use await import('${specifier}')",
    { cause: error },
  )
}
`
}

/** Copies a declaration file and all that it imports. */
function copyDeclarations(file, done) {
  if (done.has(file)) return
  done.add(file)
  const text = readFileSync(file, 'utf8').replace(RELATIVE_IMPORT, (_, before, quote, target) => {
    const imported = join(dirname(file), `${target}.d.ts`)
    if (relative(dist, imported).startsWith(`..${sep}`) || !existsSync(imported)) {
      throw new SetupError(`${relative(root, file)} imports ${target}.js, which callers cannot see the types of`)
    }
    copyDeclarations(imported, done)
    return `${before}${quote}${target}.cjs${quote}`
  })
  writeFileSync(file.replace(/\.d\.ts$/, '.d.cts'), text)
}
