export type Loud = { text: string; length: number }

export const shout = <T extends string>(word: T): Loud => ({ text: word.toUpperCase(), length: word.length })
