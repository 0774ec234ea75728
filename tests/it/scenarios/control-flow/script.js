export const meta = { name: 'control-flow', description: 'Labels, switches and loops of every kind' }

const asked = []
rows: for (const [r, row] of args.entries()) {
  for (let c = 0; c < row.length; c++) {
    switch (row[c]) {
      case 'skip':
        continue
      case 'stop':
        break rows
      default: {
        const text = await agent(`cell ${r}/${c}`)
        asked.push(text)
      }
    }
  }
}
block: {
  if (asked.length < 5) break block
  asked.push('never')
}
const trace = []
const fall = (n) => { const seen = []; switch (n) { case 1: seen.push(1); case 2: seen.push(2); break; default: seen.push('d'); case 3: seen.push(3) } return seen }
let i = 0
do { trace.push(i) } while (++i < 3)
for (const key in { b: 1, a: 2, 2: 'x', 1: 'y' }) trace.push(key)
for (const key in Object.create({ inherited: 1 }, { own: { value: 1, enumerable: true }, hidden: { value: 1 } })) trace.push(key)
for (let a = 0, b = 10; a < b; a += 3, b -= 3) trace.push([a, b])
for (const c of 'a🦊') trace.push(c)
for (;;) { if (i-- <= 0) break; if (i === 1) continue; trace.push(`i${i}`) }
const order = []
const leave = () => { try { order.push('try'); return 'try' } finally { order.push('finally') } }
const override = () => { for (const x of [1, 2]) { try { throw x } catch { continue } finally { order.push(`f${x}`) } } return 'done' }
const swallow = () => { try { throw new Error('lost') } finally { return 'finally wins' } }
const ternary = args.length > 2 ? args.length > 5 ? 'many' : 'some' : 'few'
outer: while (true) { while (true) { break outer } }
if (trace.length) ; else trace.push('never')
return { asked, trace, fall: [fall(1), fall(2), fall(3), fall(4)], left: [leave(), override(), swallow()], order, ternary }
