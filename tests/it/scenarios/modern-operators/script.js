export const meta = { name: 'modern-operators', description: 'Short circuits, optional chains and grouped digits' }

const options = args.options
options.depth ||= 3
options.name ??= 'unnamed'
options.name ||= 'empty'
options.flag &&= 'never'
options.nested.list &&= [...options.nested.list, 2]
options.nested.extra ??= {}
;(options.nested.extra.count ??= 0, options.nested.extra.count++)
let calls = 0
const once = () => { calls++; return options }
once().made ??= 'first'
once().made ??= once().never
const limits = [1_000, 1_000_000.000_1, 0xff_ff, 0b1010_0001, 0o7_7, 1e1_0, 10_000n.toString()]
const chains = [
  options?.nested?.list?.[1], options?.missing?.deep.er.still, options.missing?.(), options.nested.list?.at?.(-1), options?.['na' + 'me'], delete options?.flag,
  null?.x ?? 'null', (undefined ?? null) === null, 0 ?? 1, 0 || 1, '' && 1, (null || undefined) ?? 'mixed', options.missing?.[calls++], typeof options.missing?.x,
]
const comma = (1, 2, 3)
const power = (-2) ** 2 + 2 ** 3 ** 2
let shift = 1
shift <<= 4; shift |= 3; shift ^= 1; shift **= 2; shift %= 100; shift >>>= 1; shift &= ~1
const answer = await agent(`Depth ${options.depth} for ${options.name}`)
return { options, calls, limits, chains, comma, power, shift, answer, void: void 0 === undefined, in: ['depth' in options, 'x' in options], instanceof: [] instanceof Object }
