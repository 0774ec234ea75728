/**
 * The native engine, as the rest of this folder sees it.
 *
 * @module
 */

// First: it explains what the other one cannot.
import './native-check.js'

export {
  checkWorkflow,
  engineVersion,
  examineProviders,
  listWorkflows,
  providerNames,
  readMetadata,
  resolveConfig,
  runDebugProvider,
  sampleSchema,
  startRun,
  type NativeCheckOptions,
  type NativeLimits,
  type NativeRunOptions,
  type RunHandle,
} from '../index.js'
