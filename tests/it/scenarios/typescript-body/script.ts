import type { WorkflowMetadata } from '@smol-workflow/engine/workflow'

interface Finding {
  file: string
  severity: 'low' | 'high'
}

export const meta: WorkflowMetadata = {
  name: 'typescript-body',
  description: 'A body with types everywhere',
  phases: [{ title: 'Review' }],
} as const

type Answer<T> = { ok: true; value: T } | { ok: false }

class Review<T extends Finding = Finding> {
  private readonly found: T[] = []
  declare size: number
  constructor(public_: string, protected_?: number) {
    void public_, protected_
  }
  public add(finding: T): this {
    this.found.push(finding)
    return this
  }
  get all(): readonly T[] { return this.found }
}

function first<T>(list: readonly T[]): T | undefined
function first(list: unknown[]) {
  return list[0]
}

const files = (args as { files: string[] }).files!
const ask = async <T,>(
  prompt: string,
  wrap: (text: string) => T,
): Promise<
  Answer<T>
> => ({ ok: true, value: wrap((await agent(prompt, { phase: 'Review' })) as string) })

phase('Review')
const review = new Review<Finding>('a')
for (const file of files as string[]) {
  const answer = await ask<string>(`Review ${file}`, (text): string => text.toUpperCase())
  if (answer.ok) review.add({ file, severity: 'low' } satisfies Finding)
}
const where = ((): string => {
  try {
    throw new Error('x') as unknown
  } catch (error: unknown) {
    return (error as Error).stack!.split('\n').find((line) => line.includes('script.ts'))!.replace(/^.*script/, 'script')
  }
})()
return { first: first(review.all), count: review.all.length, where } as { first?: Finding; count: number; where: string }
