// An error on line 14 says line 14.
export const meta = {
  name: 'uncaught-error',
  description: 'Fails half way',
}

log('begin')
const text = await agent(`Read ${args.file}`)
check(text)
return 'never'

function check(answer) {
  if (!answer.startsWith('ok'))
    throw new RangeError(`unexpected answer: ${answer}`, { cause: new Error('the cause') })
}
