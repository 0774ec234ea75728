export const meta = { name: 'module-parallel-options', description: 'The options of parallel are there with a default export, too; what is no function still counts as failed' }

const say = (promise) => promise.then((value) => value, (error) => `${error.name}: ${error.message}`)
export default async () => ({
  settled: (await parallel([() => 1, 2, Promise.resolve(3), () => agent('x', { provider: 'no-such-cli' })], { settle: true })).map((r) => r.ok ? r : { ok: r.ok, error: r.error.name }),
  failFast: await say(parallel([() => agent('x', { provider: 'no-such-cli' }), () => 1], { failFast: true })),
  quorum: await say(parallel([1, () => 2], { minSuccess: 2 })),
  quorumReached: await say(parallel([1, () => 2], { minSuccess: 1 })),
  windowed: await parallel([() => agent('a'), () => agent('b'), () => agent('c')], { concurrency: 1 }),
  unknown: await say(parallel([], { nope: 1 })),
})
