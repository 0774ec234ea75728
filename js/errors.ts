/**
 * What a failed run rejects with.
 *
 * @module
 */

import type { WorkflowErrorData } from './types.js'

/** The engine's description of an error. */
export type NativeError = { code: string; message: string; details: Record<string, unknown> }

/**
 * A run that has no result. `message` starts with the script's own `Name: message` where the script failed;
 * `details.error` has it in parts, `details.hint` says what to do about it, `cause` is what led to it: the very error
 * that a handler or provider threw, where that is the reason.
 */
export class WorkflowError extends Error {
  /** Stable, `ERR_…`. */
  readonly code: string
  readonly details: Record<string, unknown>

  constructor(message: string, options: { code: string; details?: Record<string, unknown>; cause?: unknown }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = options.code
    this.details = options.details ?? {}
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'WorkflowError', configurable: true, writable: true })
  }
}

/** The run was cancelled; `cause` is the reason of the signal. */
export class CancelledError extends WorkflowError {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'CancelledError', configurable: true, writable: true })
  }
}

/** Makes the error that the caller sees. `thrown` are the errors that handlers and providers threw, by call. */
export function toWorkflowError(
  native: NativeError,
  thrown: ReadonlyMap<number, unknown>,
  cancelReason?: unknown,
): WorkflowError {
  const { code, message, details } = native
  if (code === 'ERR_RUN_CANCELLED') return new CancelledError(message, { code, details, cause: cancelReason })
  const error = details['error'] as WorkflowErrorData | undefined
  const failure = error && causeOf(error, thrown)
  return new WorkflowError(message, failure === undefined ? { code, details } : { code, details, cause: failure })
}

/** An error thrown by the native side itself, before a run began or outside of any. */
export function fromNativeThrow(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  try {
    return toWorkflowError(JSON.parse(error.message) as NativeError, new Map())
  } catch {
    return new Error(error.message)
  }
}

/** An error of a native provider that was called without a run. */
export function fromProviderThrow(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  let data: WorkflowErrorData
  try {
    data = JSON.parse(error.message) as WorkflowErrorData
  } catch {
    return new Error(error.message)
  }
  const Type = data.name === 'TypeError' ? TypeError : data.name === 'SyntaxError' ? SyntaxError : undefined
  const made = Type ? new Type(data.message) : rebuild(data, new Map())
  const { code, hint } = data
  return Object.assign(made as Error, code !== undefined && { code }, hint !== undefined && { hint })
}

/** What led to an error: the user's own error where a call failed with one, else a rebuilt one. */
function causeOf(error: WorkflowErrorData, thrown: ReadonlyMap<number, unknown>): unknown {
  if (error.call !== undefined && thrown.has(error.call)) return thrown.get(error.call)
  return error.cause && rebuild(error.cause, thrown)
}

function rebuild(data: WorkflowErrorData, thrown: ReadonlyMap<number, unknown>): unknown {
  if (data.call !== undefined && thrown.has(data.call)) return thrown.get(data.call)
  const cause = data.cause && rebuild(data.cause, thrown)
  const error = new Error(data.message, cause === undefined ? undefined : { cause })
  if (data.name !== undefined) error.name = data.name
  if (data.code !== undefined) Object.assign(error, { code: data.code })
  if (data.hint !== undefined) Object.assign(error, { hint: data.hint })
  error.stack = `${data.name ?? 'Error'}: ${data.message}${data.stack ? `\n${data.stack}` : ''}`
  return error
}

/** What a handler or provider threw, as the engine takes it. */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return JSON.stringify({ message: safeString(thrown) })
  const headline = `${thrown.name}: ${thrown.message}`
  const stack = typeof thrown.stack === 'string' ? thrown.stack : undefined
  const frames = stack?.slice(stack.startsWith(headline) ? headline.length : 0).replace(/^\n/, '')
  const { code, hint, retryAfterMs, retryable, usage, sessionId } = thrown as Error & Record<string, unknown>
  return JSON.stringify({
    name: String(thrown.name),
    message: String(thrown.message),
    ...(frames && { stack: frames }),
    ...(typeof code === 'string' && { code }),
    ...(typeof hint === 'string' && { hint }),
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    ...(typeof retryable === 'boolean' && { retryable }),
    ...(typeof usage === 'object' && { usage }),
    ...(typeof sessionId === 'string' && { sessionId }),
  })
}

function safeString(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'a value that cannot be shown'
  }
}
