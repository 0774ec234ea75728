export const meta = { name: 'imports-in-a-body', description: 'A body that imports while it runs' }

const { score } = await import('./lib/score.js')
const answers = await parallel(['a', 'b'].map((name) => () => agent(`Judge ${name}`)))
return answers.map(score)
