import { sleep } from 'workflow:extra'
export const meta = { name: 'sleeping-child', description: 'Waits for a moment' }

export default async (args, ctx) => {
  await ctx.extra.sleep('1ms')
  return [await sleep('0.5s 1ms'.slice(5)), ctx.extra.sleep === sleep, Object.keys(ctx).includes('extra')]
}
