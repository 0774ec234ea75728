export const meta = { name: 'args-as-list', description: 'Reviews a list of files' }

const files = Array.isArray(args) ? args : typeof args === 'string' ? args.split(',') : args?.files || []
const jobs = files.map((file) => (typeof file === 'string' ? { path: file, focus: 'everything' } : file))
args.push('later')
const results = await parallel(jobs.map(({ path, focus }) => () => agent(`Review ${path}: ${focus}`, { label: path.split('/').pop() })))
return { results, own: args.length, reached: globalThis.args === args, spread: [...args].length }
