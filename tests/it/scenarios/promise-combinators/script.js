export const meta = { name: 'promise-combinators', description: 'all, race, allSettled and any over agents, values and failures' }

const bad = { schema: { type: 'string', minLength: 100 } }
const all = await Promise.all([agent('a'), 'plain', agent('b', { label: 'b' }), new Promise((resolve) => resolve(agent('c')))])
const settled = await Promise.allSettled([agent('ok'), agent('bad', bad), Promise.reject(new Error('own')), 7])
const any = await Promise.any([agent('bad too', bad), agent('good')])
const race = await Promise.race([new Promise((resolve) => setTimeout(resolve, 2000, 'late')), agent('fast')])
const none = await Promise.any([Promise.reject(1), agent('bad three', bad)]).catch((error) => ({
  name: error.name, count: error.errors.length, first: error.errors[0], second: error.errors[1].code,
}))
const firstFailure = await Promise.all([agent('x'), agent('bad four', bad), agent('y')]).catch((error) => error.code)
const empty = [await Promise.all([]), await Promise.allSettled([]), await Promise.any([]).catch((error) => error.errors)]
return {
  all, settled: settled.map(({ status, value, reason }) => [status, value ?? reason.message.split(':')[0]]), any, race, none, firstFailure, empty,
}
