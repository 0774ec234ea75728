export const meta = { name: 'numbers-in-the-locale', description: 'Writes numbers with toLocaleString()' }

const answer = await agent(`${args.tokens.toLocaleString()} tokens`)
return {
  answer,
  numbers: [0, -0, 5, 999, 1000, -1234.5, 1e6, 0.1234567, 123456.7895, 1e21, NaN, Infinity, -Infinity].map((n) => n.toLocaleString()),
  english: (9876543.21).toLocaleString('en-US'), big: (12345678901234567890n).toLocaleString(), list: [1234, 5678].toLocaleString(),
}
