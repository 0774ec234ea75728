import { shout, type Loud } from './lib/words.ts'
import type { Nothing } from './lib/nowhere.js'

export const meta = { name: 'typescript-module', description: 'A default export with types, and a helper with types' } satisfies { name: string; description: string }

type Args = { words?: string[] }

export default async function run({ words = [] }: Args, ctx: unknown): Promise<Loud[]> {
  return Promise.all(words.map(async (word: string): Promise<Loud> => shout(await agent(word))))
}
