export const meta = { name: 'clones-and-copies', description: 'Works on copies' }

const deep = structuredClone(args)
deep.plan.steps[0].id = 99
const shallow = { ...args }
shallow.plan.steps.push({ id: 3 })
const rich = { when: new Date(0), map: new Map([['k', { v: new Set([1]) }]]), re: /x/gi, error: new RangeError('far', { cause: 'why' }), bytes: new Uint8Array([1, 2]), big: 10n, nothing: undefined, holes: [1, , 3] }
rich.self = rich
const clone = structuredClone(rich)
const errors = [() => structuredClone(() => 1), () => structuredClone({ s: Symbol('s') }), () => structuredClone(Promise.resolve())].map((f) => { try { return f() } catch (error) { return [error.name, error.message] } })
const frozen = Object.freeze({ list: [1], deep: Object.freeze({}) })
const blocked = [() => { frozen.x = 1 }, () => { delete frozen.list }, () => { frozen.deep.y = 1 }, () => { Object.freeze([1]).push(2) }, () => { undeclared = 1 }].map((f) => { try { f(); return 'written' } catch (error) { return error.name } })
frozen.list.push(2)
const through = JSON.parse(JSON.stringify(args))
const answer = await agent('Steps', { schema: { type: 'object', properties: { steps: { const: args.plan.steps } } } })
answer.steps.pop()
return {
  deep, shallow: shallow.plan === args.plan, count: args.plan.steps.length, clone: { when: clone.when.toISOString(), v: clone.map.get('k').v.has(1), re: `${clone.re}`, error: [clone.error.name, clone.error.message, clone.error instanceof RangeError, clone.error.cause], bytes: [...clone.bytes], big: `${clone.big}`, has: 'nothing' in clone, holes: 1 in clone.holes, self: clone.self === clone, fresh: clone.map !== rich.map },
  errors, blocked, frozen, through, answer, merged: Object.assign([1, 2], [3]), descriptors: Object.getOwnPropertyDescriptors({ get x() { return 1 } }).x.set === undefined,
}
