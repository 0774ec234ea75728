/**
 * Says clearly what is wrong when the native part of the package is missing or does not fit this machine. Loaded before
 * the generated loader, whose own message sends people after a fault of npm.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The native part cannot be loaded. */
class NativeBindingError extends Error {
  readonly code = 'ERR_NATIVE_BINDING'
  readonly details: { hint: string }

  constructor(message: string, hint: string, cause?: unknown) {
    super(`${message}\nhint: ${hint}`, cause === undefined ? undefined : { cause })
    this.details = { hint }
  }

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'NativeBindingError', configurable: true, writable: true })
  }
}

function check(): void {
  // Whoever names a library means that one.
  if (process.env['NAPI_RS_NATIVE_LIBRARY_PATH']) return
  const { name, napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string
    napi: { binaryName: string }
  }
  const platform = `${process.platform}-${process.arch}`
  const local = readdirSync(root).filter((file) => file.startsWith(`${napi.binaryName}.`) && file.endsWith('.node'))
  let failure: unknown
  for (const file of local) {
    try {
      require(join(root, file))
      return
    } catch (error) {
      failure = error
    }
  }
  const installed = ['', '-gnu', '-musl', '-msvc'].some((libc) => {
    try {
      return existsSync(require.resolve(`${name}-${platform}${libc}/package.json`))
    } catch {
      return false
    }
  })
  // The generated loader finds the installed package, and says what is wrong with it.
  if (installed) return
  if (local.length > 0) {
    const why = failure instanceof Error ? failure.message : String(failure)
    throw new NativeBindingError(
      `the native part of ${name} does not fit this machine (${platform}, Node.js ${process.version}): ${why}`,
      'in a checkout, build it here with `npm run build`; else reinstall the package on this machine',
      failure,
    )
  }
  throw new NativeBindingError(
    `there is no native part of ${name} for this machine (${platform}, Node.js ${process.version})`,
    'in a checkout, build it with `npm run build`; else install the package without --omit=optional, on a platform that it supports',
  )
}

check()
