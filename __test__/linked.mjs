// A folder in which the package is found by its name.

import { mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { folder, root } from './support.mjs'

export function linked(t, files) {
  const path = folder(t, files)
  const link = join(path, 'node_modules', '@smol-workflow', 'engine')
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(root, link, 'junction')
  return path
}
