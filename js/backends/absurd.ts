/**
 * `@smol-workflow/engine/backends/absurd`: workflows as tasks of a queue, done by any worker on the same store.
 *
 * @module
 */

export {
  ABSURD_WORKFLOW_TASK_NAME,
  createAbsurdWorkflowBackend,
  createAbsurdWorkflowBackendAsync,
  DEFAULT_ABSURD_QUEUE,
} from './absurd/backend.js'
export { getAgentCheckpointKey } from './absurd/checkpoint-key.js'
export { resolveAbsurdSQLiteExtensionPath, resolveAbsurdSQLiteExtensionPathAsync } from './absurd/extension.js'
export type * from './absurd/types.js'
export { runAbsurdWorkflowTask, runDurableAgent } from './absurd/workflow.js'
