// The globals of scripts in a project that also has the globals of Node.js and of browsers: nothing clashes.

export const bytes: Buffer = Buffer.from(atob(btoa('x')))
export const timer = setTimeout(() => log(process.pid, structuredClone({ a: 1 }).a), 5)
clearTimeout(timer)
queueMicrotask(() => console.table([document.title]))
