export const meta = { name: 'module-hooks-are-fixed', description: 'Tries to replace its hooks' }

const attempts = {
  assign: () => { agent = 1 }, global: () => { globalThis.agent = 1 }, remove: () => { delete globalThis.agent }, define: () => Object.defineProperty(globalThis, 'agent', { value: 1 }),
  property: () => { agent.x = 1 }, other: () => { parallel.y = 1 }, prototype: () => Object.setPrototypeOf(workflow, null), argsGone: () => { args = {} }, logName: () => { delete log.name }, phase: () => Object.defineProperty(phase, 'z', { value: 1 }), pipeline: () => { globalThis.pipeline = null },
}
const messages = Object.fromEntries(Object.entries(attempts).map(([name, attempt]) => { try { attempt(); return [name, 'allowed'] } catch (error) { return [name, `${error.name}: ${error.message}`] } }))
globalThis.mine = 1
const shadowed = await (async () => { const agent = (prompt) => globalThis.agent(`shadow ${prompt}`); return agent('x') })()
const own = Object.getOwnPropertyDescriptor(globalThis, 'agent')
export default { messages, shadowed, mine, flags: [own.writable, own.configurable, own.enumerable], typeofs: [typeof agent, typeof budget, 'log' in globalThis], self: this === undefined, budget: [Object.keys(budget), JSON.stringify(budget)] }
