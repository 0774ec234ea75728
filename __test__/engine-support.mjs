// What the tests of durable runs share: an engine over a store in a folder of its own, and events read to their end.

import { join } from 'node:path'

import { createEngine } from '@smol-workflow/engine'

import { folder } from './support.mjs'

export const never = () => new Promise(() => {})

/** An engine over the store in a folder, closed after the test. `store` is beside what is the same for all. */
export function open(t, path = folder(t, {}), { store, ...options } = {}) {
  const engine = createEngine({ store: { path: join(path, 'runs.db'), synchronous: 'normal', ...store }, ...options })
  t.after(() => engine.close())
  return engine
}

/** All that an iterator has. */
export async function all(iterator) {
  const found = []
  for await (const one of iterator) found.push(one)
  return found
}
