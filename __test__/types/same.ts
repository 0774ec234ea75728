// Whether two types are one and the same, not merely assignable to each other.

export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only for `same<A, B>(true)` with equal types and `same<A, B>(false)` with different ones. */
export declare function same<A, B>(answer: Same<A, B>): void
