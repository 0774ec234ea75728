export const meta = { name: 'date-formats', description: 'Writes a date the ways people do' }

const at = new Date(args.at)
return {
  all: at.toLocaleString(), date: at.toLocaleDateString(), time: at.toLocaleTimeString(), english: at.toLocaleString('en-US'),
  iso: at.toISOString().replace('T', ' ').slice(0, 19), json: JSON.stringify({ at }), text: `${at}`, number: at * 1,
  noon: new Date(Date.UTC(2024, 11, 31, 12)).toLocaleString(), midnight: new Date('2024-01-01').toLocaleTimeString(), old: new Date(-1).toLocaleDateString(),
  answer: await agent(`Since ${at.toLocaleDateString()}`),
}
