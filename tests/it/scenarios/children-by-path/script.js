export const meta = { name: 'children-by-path', description: 'Runs scripts by path with arguments of every kind' }

const echo = (given) => workflow({ scriptPath: './lib/echo.js' }, given)
const list = ['kept']
const given = []
for (const value of ['a,b', list, 42, 0, '', true, null, undefined, { deep: { er: [1] } }, [], new Date(0), NaN]) given.push(await echo(value))
return {
  given, list,
  absent: await workflow({ scriptPath: 'lib/echo.js' }),
  nothing: await workflow({ scriptPath: 'lib/nothing.js' }, 7) === undefined,
  odd: await workflow({ scriptPath: 'lib/odd-values.js' }),
  grandchild: await workflow({ scriptPath: 'lib/grandchild.js' }),
  piped: await pipeline(['x', 'y'], (name) => workflow({ scriptPath: 'lib/echo.js' }, name), ({ given }) => given[0]),
}
