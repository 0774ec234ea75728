export const meta = { name: 'odd-values', description: 'Gives back what JSON cannot hold' }
return { when: new Date(0), map: new Map([[1, 2]]), nothing: undefined, nan: NaN, minus: -0, list: [undefined, () => 1], nested: { toJSON: () => 'custom' } }
