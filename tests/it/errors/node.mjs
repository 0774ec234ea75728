// Fills in what Node.js says to every case: node node.mjs, under Node.js 20.
import { readFileSync, writeFileSync } from 'node:fs'

const here = (name) => new URL(name, import.meta.url)
const prelude = readFileSync(here('prelude.js'), 'utf8')
const attempt = readFileSync(here('attempt.js'), 'utf8')
const AsyncFunction = (async () => {}).constructor
const lines = []
for (const line of readFileSync(here('cases.txt'), 'utf8').split('\n')) {
  if (line.startsWith('= ')) continue
  lines.push(line)
  if (!line.startsWith('> ')) continue
  const run = new AsyncFunction(`"use strict"; ${prelude}\ntry {\n${line.slice(2)}\nreturn 'no error' } catch (error) { return (${attempt})(error) }`)
  lines.push(`= ${JSON.stringify(await run())}`)
}
writeFileSync(here('cases.txt'), lines.join('\n'))
