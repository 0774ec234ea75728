export const meta = { name: 'module-throws', description: 'Fails inside its function' }

export default async (args, { agent }) => {
  const text = await agent('one')
  const failure = Object.assign(new RangeError(`no good: ${text}`, { cause: new Error('inner') }), { code: 'E_GATE' })
  throw failure
}
