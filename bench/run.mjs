// npm run bench [-- --quick] [--json]: measures the built package as a whole, in processes of their own, and beside it
// what the machine itself takes for the same.
//
// --quick  two rounds instead of seven: a look, not a result
// --json   all samples as JSON instead of tables
//
// Every round runs every case, so that whatever else the machine does meets all of them alike. Ends with status 1 if a
// case could not be measured; figures that are not reached are marked, no more: they depend on the machine.

import { spawnSync } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'

import { ensureBuilt, ensurePackages, manifest, root, say, script, SetupError } from '../scripts/lib.mjs'
import { AGENTS, DURABLE, IN_PROCESS, MEMORY, PARKED, PROCESSES } from './cases.mjs'
import { measureProcess, output } from './processes.mjs'
import { median, row, table } from './report.mjs'

/** The stand-ins for agents are scripts with a first line. */
const unix = process.platform !== 'win32'

const OPTIONS = { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } }

function options() {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    throw new SetupError(`${error.message}; there are --quick and --json`)
  }
}

/** Builds the Rust benchmarks; gives back where they are, by name. */
function buildNative(...names) {
  say('building the Rust benchmarks')
  const args = ['bench', '--locked', '--no-run', '--message-format=json', ...names.flatMap((name) => ['--bench', name])]
  const cargo = spawnSync('cargo', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })
  if (cargo.error) throw new SetupError(`cargo cannot be started: ${cargo.error.message}`)
  if (cargo.status !== 0) throw new SetupError('the Rust benchmarks cannot be built')
  const built = {}
  for (const line of cargo.stdout.split('\n')) {
    if (!line.startsWith('{')) continue
    const { target, executable } = JSON.parse(line)
    if (executable && names.includes(target.name)) built[target.name] = executable
  }
  return built
}

/** The samples of all rounds, by title. */
class Samples {
  #all = new Map()
  /** What could not be measured, and why. */
  failures = new Map()

  add(title, { wall, cpu, memory }) {
    const known = this.of(title)
    known.wall.push(...wall)
    known.cpu.push(...cpu)
    known.memory.push(memory)
  }

  of(title) {
    if (!this.#all.has(title)) this.#all.set(title, { wall: [], cpu: [], memory: [] })
    return this.#all.get(title)
  }

  /** A figure about memory in all the processes that have it. */
  memory(key, title) {
    const measured = title === undefined ? [...this.#all.values()].flatMap((each) => each.memory) : this.of(title).memory
    return measured.map((memory) => key.split('.').reduce((part, name) => part?.[name], memory)).filter(Number.isFinite)
  }

  async take(title, measure) {
    if (this.failures.has(title)) return
    try {
      this.add(title, await measure())
    } catch (error) {
      this.failures.set(title, error.message.split('\n')[0])
    }
  }
}

/** Runs a Rust benchmark and adds the cases that it prints; gives back their names and units. */
async function takeNative(samples, program, count) {
  const lines = (await output(program, [String(count)])).trim().split('\n')
  return lines.map((line) => {
    const { name, unit, samples: wall } = JSON.parse(line)
    samples.add(name, { wall, cpu: [], memory: {} })
    return { name, unit }
  })
}

/** Runs a case of `AGENTS`, `DURABLE` or `PARKED` and adds each of its figures. */
async function takeFigures(samples, program, { name, title, args, figures }, bare) {
  if (samples.failures.has(title)) return
  try {
    const measured = JSON.parse(await output(process.execPath, ['--expose-gc', program, JSON.stringify({ name, bare, ...args })]))
    for (const figure of figures) samples.add(figure.title, { wall: measured[figure.key], cpu: [], memory: {} })
  } catch (error) {
    samples.failures.set(title, error.message.split('\n')[0])
  }
}

async function measureAll(rounds) {
  const { floor, micro, process: processes } = buildNative('floor', 'micro', 'process')
  const samples = new Samples()
  let floors
  let parts
  let starts = []
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`)
    for (const each of IN_PROCESS) {
      const measure = async () => JSON.parse(await output(process.execPath, ['bench/case.mjs', JSON.stringify(each)]))
      await samples.take(each.title, measure)
    }
    for (const each of PROCESSES) await samples.take(each.title, () => measureProcess(each))
    if (unix) {
      for (const each of AGENTS) await takeFigures(samples, 'bench/agents.mjs', each, processes)
      starts = await takeNative(samples, processes, 61)
    }
    for (const each of DURABLE) await takeFigures(samples, 'bench/durable.mjs', each)
    for (const each of PARKED) await takeFigures(samples, 'bench/parked.mjs', each)
    floors = await takeNative(samples, floor, 5)
    parts = await takeNative(samples, micro, 101)
  }
  return { samples, floors, parts, starts }
}

/** What the room of processes takes, beside the same done with nothing around it. */
function beside(samples) {
  const middle = (name) => median(samples.of(name).wall)
  const [first, many] = ['spawn to first byte', '64 × 1 MiB']
  const above = (middle(`${first}, engine`) - middle(`${first}, bare`)) / 1000
  const times = middle(`${many}, engine`) / middle(`${many}, xargs`)
  return [
    row(`${first}, engine − bare`, 'ms', [above], { target: 1.5 }),
    row(`${many}, engine ÷ xargs`, '×', [times], { target: 1.3 }),
  ]
}

function tables({ samples, floors, parts, starts }) {
  const measured = (each) => !samples.failures.has(each.title)
  const timed = [...IN_PROCESS, ...PROCESSES].filter(measured).map((each) => {
    const { wall, cpu } = samples.of(each.title)
    return row(each.title, 'ms', wall, { ...each, cpu, peak: samples.memory('process', each.title) })
  })
  const memory = MEMORY.map((each) => row(each.title, 'MB', samples.memory(each.key, each.of), each)).filter(
    (each) => each.samples.length > 0,
  )
  const above = IN_PROCESS.filter((each) => each.floor && measured(each)).flatMap(({ title, floor }) =>
    [`bare loop, ${floor.of} promises`, `bare calls, ${floor.of} promises`].map((name) => {
      const times = median(samples.of(title).wall) / median(samples.of(name).wall)
      return row(`${title} ÷ ${name}`, '×', [times], floor)
    }),
  )
  const native = (list) => list.map(({ name, unit }) => row(name, unit, samples.of(name).wall))
  const figuresOf = (cases) =>
    cases
      .filter(measured)
      .flatMap(({ figures }) => figures.map((figure) => row(figure.title, figure.unit, samples.of(figure.title).wall, figure)))
  return {
    time: { heading: 'time', rows: timed },
    memory: { heading: 'memory', rows: memory },
    ...(unix && {
      agents: { heading: 'agents that are programs', rows: figuresOf(AGENTS) },
      processes: { heading: 'processes, without Node.js', rows: [...native(starts), ...beside(samples)] },
    }),
    durable: { heading: 'durable runs', rows: figuresOf(DURABLE) },
    parked: { heading: 'durable runs that sleep', rows: figuresOf(PARKED) },
    floor: { heading: 'floor: QuickJS alone', rows: [...native(floors), ...above] },
    parts: { heading: 'parts of a run, without Node.js', rows: native(parts) },
  }
}

await script(async () => {
  const { quick, json } = options()
  ensurePackages()
  await ensureBuilt()
  const loadBefore = loadavg()[0]
  const rounds = quick ? 2 : 7
  const results = await measureAll(rounds)
  const { failures } = results.samples
  const all = tables(results)
  const machine = {
    engine: manifest.version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cores: cpus().length,
    model: cpus()[0]?.model,
    rounds,
    load: [loadBefore, loadavg()[0]],
  }
  if (json) {
    console.log(JSON.stringify({ machine, tables: all, failures: Object.fromEntries(failures) }, undefined, 2))
  } else {
    console.log(
      `${manifest.name} ${machine.engine}, Node.js ${machine.node}, ${machine.platform}, ${machine.cores} × ${machine.model}; ` +
        `${rounds} rounds; load of the machine ${machine.load.map((load) => load.toFixed(1)).join(' before, ')} after.\n`,
    )
    for (const { heading, rows } of Object.values(all)) console.log(`${table(heading, rows)}\n`)
    for (const [title, error] of failures) console.log(`not measured: ${title}: ${error}`)
  }
  return failures.size === 0
})
