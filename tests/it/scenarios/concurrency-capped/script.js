export const meta = { name: 'concurrency-capped', description: 'Wants more agents than it is allowed' }

const first = await parallel(Array.from({ length: 4 }, (_, i) => () => agent(`job ${i}`)))
const second = await parallel([() => agent('job 4'), () => agent('job 5')])
const last = await agent('job 6').catch((error) => `${error.name} ${error.code}: ${error.message}`)
return { first, second, last }
