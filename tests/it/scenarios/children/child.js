export const meta = { name: 'child', description: 'Asks one agent' }
return { child: await agent('child ' + args.n) }
