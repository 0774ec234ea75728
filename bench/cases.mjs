// What is measured, what shall be reached, and what the original took.
//
// The original's figures are medians on a machine with 2 cores and Node.js 20, taken once; everything else comes from
// the same run. No code here: `case.mjs` runs what happens inside a process, `processes.mjs` what is one.

/**
 * Cases that run inside a process of their own, `samples` times in each round.
 *
 * `warm`: how often the case itself runs before it counts. All processes have run a hello before.
 */
export const IN_PROCESS = [
  { name: 'hello', title: 'hello via API, warm', samples: 50, warm: 5, target: 2, original: 96.7 },
  { name: 'parallel', title: 'parallel 1 000', args: { count: 1_000 }, samples: 9, warm: 1, original: 126 },
  {
    name: 'parallel',
    title: 'parallel 10 000',
    args: { count: 10_000 },
    samples: 5,
    warm: 1,
    target: 60,
    original: 313,
    floor: { of: '10 000', target: 3 },
  },
  { name: 'parallel', title: 'parallel 100 000', args: { count: 100_000 }, samples: 1, warm: 0 },
  {
    name: 'sequential',
    title: 'sequential 1 000',
    args: { count: 1_000 },
    samples: 9,
    warm: 1,
    target: 20,
    original: 225,
  },
  {
    name: 'sequential',
    title: 'sequential 1 000 with a schema',
    args: {
      count: 1_000,
      schema: {
        type: 'object',
        properties: {
          title: { type: 'string' },
          severity: { enum: ['low', 'high'] },
          lines: { type: 'array', items: { type: 'integer' } },
        },
        required: ['title', 'severity', 'lines'],
        additionalProperties: false,
      },
    },
    samples: 5,
    warm: 1,
    original: 1325,
  },
  {
    name: 'concurrent',
    title: '100 concurrent hellos',
    args: { count: 100 },
    samples: 5,
    warm: 0,
    target: 100,
    original: 7973,
  },
  { name: 'concurrent', title: '1 000 concurrent hellos', args: { count: 1_000 }, samples: 2, warm: 0 },
  {
    name: 'children',
    title: '20 child workflows in sequence',
    args: { count: 20 },
    samples: 9,
    warm: 1,
    original: 2131,
  },
  {
    name: 'cancel',
    title: 'cancel of 100 000 never-ending calls',
    args: { count: 100_000 },
    samples: 1,
    warm: 0,
    target: 100,
  },
]

/** What the processes of those cases report about their memory, in MB. */
export const MEMORY = [
  { key: 'idle.rss', title: 'idle process with the engine imported, RSS', target: 60, original: 52 },
  {
    key: 'peak',
    of: '100 concurrent hellos',
    title: '100 concurrent hellos, peak RSS above idle',
    target: 60,
    original: 813,
  },
  {
    key: 'held.rss',
    of: '100 concurrent hellos',
    title: '100 hellos that all wait for their answer, RSS above idle',
    target: 60,
    original: 813,
  },
  { key: 'held.pss', of: '100 concurrent hellos', title: '100 hellos that all wait for their answer, PSS above idle' },
  { key: 'held.rss', of: '1 000 concurrent hellos', title: '1 000 hellos that all wait for their answer, RSS above idle' },
]

/** Whole processes, from their start to their end (or first message), `samples` times in each round. */
export const PROCESSES = [
  {
    name: 'cli',
    title: '`smol-wf run` hello, cold',
    args: ['dist/cli.js', 'run', 'bench/workflows/hello.js'],
    samples: 3,
    target: 100,
    original: 258,
  },
  { name: 'node', title: '`node -e 0`', args: ['-e', '0'], samples: 3 },
  { name: 'fork', title: '`fork` of an empty module, until it has ended', samples: 3 },
  { name: 'message', title: '`fork`, until the first message', samples: 3 },
]

/**
 * Agents that are programs, each case in a process of its own. `figures` are what it reports, by name; those without a
 * target are there to see what the others are made of.
 */
export const AGENTS = [
  {
    name: 'sequential',
    title: 'one agent call after the other',
    args: { count: 20, samples: 8 },
    figures: [
      { key: 'first', title: 'bare `posix_spawn` of the stand-in, to its first byte', unit: 'ms' },
      { key: 'end', title: 'bare `posix_spawn` of the stand-in, to its end', unit: 'ms' },
      { key: 'call', title: 'agent call of it via API, to the answer', unit: 'ms' },
      { key: 'overhead', title: 'agent call above the bare run, to the end', unit: 'ms', target: 1.5 },
    ],
  },
  {
    name: 'crowd',
    title: '64 agents at once, 1 MB each',
    args: { count: 64, bytes: 1_000_000, samples: 3 },
    figures: [
      { key: 'bare', title: '`xargs -P64` of the stand-in, 1 MB each', unit: 'ms' },
      { key: 'wall', title: '64 agent calls of it at once via API', unit: 'ms' },
      { key: 'ratio', title: '64 agent calls ÷ `xargs -P64`', unit: '×', target: 1.3 },
      { key: 'cpu', title: '64 agent calls, CPU time of the host', unit: 'ms' },
      { key: 'delay', title: 'delay of the event loop meanwhile, 99th percentile', unit: 'ms', target: 10 },
      { key: 'above', title: 'peak RSS above idle', unit: 'MB' },
      { key: 'memory', title: 'peak RSS above idle ÷ bytes of the answers', unit: '×', target: 2 },
    ],
  },
]

/** Durable runs, likewise. */
export const DURABLE = [
  {
    name: 'sequential',
    title: 'durable calls one after the other',
    args: { few: 1_000, many: 50_000, samples: 1 },
    figures: [
      { key: 'few', title: 'a sequential durable call, of 1 000, `synchronous: normal`', unit: 'ms', target: 0.15 },
      { key: 'many', title: 'the same, of 50 000', unit: 'ms' },
      { key: 'growth', title: 'of 50 000 ÷ of 1 000', unit: '×', target: 1.2 },
    ],
  },
  {
    name: 'parallel',
    title: '10 000 durable calls at once',
    args: { count: 10_000, samples: 3 },
    figures: [{ key: 'wall', title: '10 000 durable calls at once, `synchronous: normal`', unit: 'ms', target: 250 }],
  },
  {
    name: 'full',
    title: 'durable calls that are synced',
    args: { count: 200, many: 10_000, samples: 3 },
    figures: [
      { key: 'call', title: 'a sequential durable call, `synchronous: full`', unit: 'ms' },
      { key: 'sync', title: '`write` and `fdatasync` of as many bytes', unit: 'ms' },
      { key: 'ratio', title: 'the call ÷ the bare sync', unit: '×', target: 1.3 },
      { key: 'grouped', title: 'one of 10 000 durable calls at once, `synchronous: full`', unit: 'ms' },
      { key: 'share', title: 'the same ÷ the bare sync', unit: '×', target: 1.3 },
    ],
  },
  {
    name: 'printed',
    title: 'durable calls of agents that print 1 MB',
    args: { count: 50, bytes: 1_000_000, samples: 3 },
    figures: [
      { key: 'none', title: 'an agent that prints 1 MB, CPU time of the host, `keepOutput: false`', unit: 'ms' },
      { key: 'kept', title: 'the same with what it prints kept', unit: 'ms' },
      { key: 'more', title: 'of that for keeping it', unit: 'ms' },
      { key: 'growth', title: 'growth of the store ÷ bytes printed', unit: '×' },
      { key: 'shared', title: 'the same of 50 agents that print the same ÷ bytes of one', unit: '×' },
    ],
  },
  {
    name: 'replay',
    title: 'replay of 10 000 calls',
    args: { count: 10_000, samples: 7 },
    figures: [{ key: 'wall', title: 'take up a run of 10 000 recorded calls, to its next call', unit: 'ms', target: 80 }],
  },
]

/** Durable runs that sleep, likewise. */
export const PARKED = [
  {
    name: 'parked',
    title: '10 000 runs that sleep',
    args: { count: 10_000, wakes: 51, synchronous: 'normal' },
    figures: [
      { key: 'memory', title: '10 000 suspended runs, RSS above 10 000 that have ended', unit: 'MB', target: 20 },
      { key: 'warm', title: 'after 10 000 runs that have ended, RSS above idle, with garbage', unit: 'MB' },
      { key: 'above', title: 'after 10 000 more that are suspended, the same', unit: 'MB' },
      { key: 'park', title: 'start one and put it away, 16 at a time', unit: 'ms' },
      { key: 'wake', title: 'wake one of them, from its time to its next agent call', unit: 'ms', target: 5 },
    ],
  },
]
