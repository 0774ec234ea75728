export const meta = { name: 'refused-globals', description: 'Looks for what other places have' }

const kinds = { process: typeof process, fetch: typeof fetch, Buffer: typeof Buffer, crypto: typeof crypto, performance: typeof performance, eval: typeof globalThis.eval, module: typeof module, window: typeof window, setImmediate: typeof setImmediate, WeakRef: typeof WeakRef, navigator: typeof navigator }
const attempts = [() => process.env.HOME, () => fetch('https://example.com'), () => Buffer.from('x'), () => new Function('return 1'), () => crypto.randomUUID()]
const messages = attempts.map((attempt) => { try { return String(attempt()) } catch (error) { return `${error.name}: ${error.message}` } })
await agent(`Missing: ${Object.keys(kinds).filter((name) => kinds[name] === 'undefined').join(', ')}`)
return { kinds, messages }
