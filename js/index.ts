/**
 * `@smol-workflow/engine`: runs agent workflows in a sandbox.
 *
 * @module
 */

export { checkWorkflow } from './check.js'
export type * from './check-types.js'
export { loadConfig, type LoadConfigOptions, type LoadedConfig } from './config.js'
export type * from './config-types.js'
export { createEngine } from './engine.js'
export type * from './engine-types.js'
export { CancelledError, WorkflowError } from './errors.js'
export {
  listWorkflows,
  type ListWorkflowsOptions,
  type WorkflowListing,
  type WorkflowListingPlace,
} from './list.js'
export { formatLogValue } from './log-format.js'
export { runWorkflow } from './run.js'
export type * from './types.js'
