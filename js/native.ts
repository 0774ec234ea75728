/**
 * The native engine, as the rest of this folder sees it.
 *
 * @module
 */

// First: it explains what the other one cannot.
import './native-check.js'

import { isMainThread } from 'node:worker_threads'

import { killProcesses } from '../index.js'

export {
  checkWorkflow,
  endProcesses,
  engineVersion,
  examineProviders,
  listWorkflows,
  NativeAbort,
  NativeProvider,
  NativeStore,
  NativeTasks,
  providerNames,
  readMetadata,
  resolveConfig,
  sampleSchema,
  startRun,
  type NativeCheckOptions,
  type NativeLimits,
  type NativeRunOptions,
  type RunHandle,
} from '../index.js'

// What agents have started must not outlive the process, however it ends. Workers end theirs by themselves.
if (isMainThread) process.on('exit', killProcesses)
