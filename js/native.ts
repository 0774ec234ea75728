/**
 * The native engine, as the rest of this folder sees it.
 *
 * @module
 */

export {
  engineVersion,
  providerNames,
  readMetadata,
  runDebugProvider,
  sampleSchema,
  startRun,
  type NativeLimits,
  type NativeRunOptions,
  type RunHandle,
} from '../index.js'
