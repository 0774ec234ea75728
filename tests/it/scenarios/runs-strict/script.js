export const meta = { name: 'runs-strict', description: 'Finds out in which mode it runs' }

const attempts = {
  undeclared: () => { leaked = 1 },
  frozen: () => { Object.freeze([]).push(1) },
  readonly: () => { undefined = 1 },
  constant: () => { const c = 1; (() => { c = 2 })() },
  getter: () => { ({ get x() { return 1 } }).x = 2 },
  primitive: () => { 'text'.length = 5 },
  property: () => { (5).x = 1 },
  caller: () => (function () { return arguments.callee })(),
}
const names = Object.fromEntries(Object.entries(attempts).map(([name, attempt]) => { try { attempt(); return [name, 'allowed'] } catch (error) { return [name, error.name] } }))
const mapped = (function (a) { arguments[0] = 2; return a })(1)
return { names, mapped, self: this === undefined, inner: (function () { return this })() === undefined, answer: await agent('strict?') }
