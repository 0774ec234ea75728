/**
 * The store that a command line means: where it is, and an engine over it.
 *
 * @module
 */

import { join, resolve } from 'node:path'

import type { Engine, EngineStoreOptions } from '../engine-types.js'
import { createEngine, WorkflowError } from '../index.js'
import type { StoreChoice } from './parse-durable.js'
import { globalStore } from './store-path.js'

/** The file of the store. */
export function storePath({ db, global }: StoreChoice): string {
  if (db !== undefined) return resolve(db)
  if (global) return globalStore(process.platform, process.env)
  // Set to nothing is not set, as with other variables that hold paths.
  return resolve(process.env['SMOL_WF_DB'] || join('.smol', 'runs.db'))
}

/** Does something with an engine over the store, and says below errors which store it was. */
export async function withEngine<T>(
  choice: StoreChoice,
  options: Omit<EngineStoreOptions, 'path'>,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  const path = storePath(choice)
  let engine: Engine | undefined
  try {
    engine = createEngine({ store: { path, ...options } })
    return await work(engine)
  } catch (error) {
    if (error instanceof WorkflowError) advise(error, path)
    throw error
  } finally {
    await engine?.close()
  }
}

function advise(error: WorkflowError, path: string): void {
  if (error.code === 'ERR_STORE_MISSING') {
    error.details['hint'] ??= 'smol-wf run <script> --durable begins one; --db, --global or $SMOL_WF_DB say where another one is'
  }
  if (error.code === 'ERR_UNKNOWN_RUN') {
    error.details['hint'] ??= `smol-wf history lists the runs of ${path}; --db, --global or $SMOL_WF_DB say where another store is`
  }
}
