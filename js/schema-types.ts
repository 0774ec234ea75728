/**
 * From a JSON Schema literal to the type of the values that fit it. Types only.
 *
 * The rule is never to promise more than the engine's validation guarantees: a schema that names no `type` lets any
 * type through, so it gives `unknown`; keywords that are not understood here widen the result, never narrow it.
 *
 * @module
 */

import type { JSONSchemaObject, JSONSchemaType, JSONValue, ReadonlyJSONValue } from './workflow-types.js'

/** The type of the values that fit `Schema`, which must be a literal; anything less gives `unknown`. */
export type FromSchema<Schema> = JSONSchemaObject extends Schema
  ? unknown
  : Schema extends true
    ? unknown
    : Schema extends false
      ? never
      : Simplify<FromValues<Schema> & FromCombinators<Schema>>

/** `const` and `enum` list the values; without them `type` decides. */
type FromValues<Schema> = Schema extends { readonly const: infer Value }
  ? Mutable<Value>
  : Schema extends { readonly enum: readonly (infer Value)[] }
    ? Mutable<Value>
    : Schema extends { readonly type: infer Type }
      ? FromTypes<Schema, Type> | (Schema extends { readonly nullable: true } ? null : never)
      : unknown

type FromCombinators<Schema> = (Schema extends { readonly anyOf: infer Branches } ? Union<Branches> : unknown) &
  (Schema extends { readonly oneOf: infer Branches } ? Union<Branches> : unknown) &
  (Schema extends { readonly allOf: infer Branches } ? Intersection<Branches> : unknown)

type Union<Branches> = Branches extends readonly unknown[]
  ? { [Index in keyof Branches]: FromSchema<Branches[Index]> }[number]
  : unknown

type Intersection<Branches> = Branches extends readonly [infer First, ...infer Rest]
  ? FromSchema<First> & Intersection<Rest>
  : unknown

/** Distributes over a list of types. */
type FromTypes<Schema, Type> = Type extends readonly (infer One)[]
  ? FromOneType<Schema, One>
  : FromOneType<Schema, Type>

type FromOneType<Schema, Type> = Type extends JSONSchemaType
  ? {
      null: null
      boolean: boolean
      number: number
      integer: number
      string: string
      array: FromArray<Schema>
      object: FromObject<Schema>
    }[Type]
  : unknown

/** A list of schemas describes the first items only, and nothing forces a value to have them all. */
type FromArray<Schema> = Schema extends { readonly items: infer Items }
  ? Items extends readonly unknown[]
    ? [...Partial<{ -readonly [Index in keyof Items]: FromSchema<Items[Index]> }>, ...unknown[]]
    : FromSchema<Items>[]
  : unknown[]

type FromObject<Schema> = Schema extends { readonly properties: infer Properties }
  ? Simplify<
      {
        -readonly [Name in keyof Properties as Name extends Required<Schema>
          ? Name
          : never]: FromSchema<Properties[Name]>
      } & {
        -readonly [Name in keyof Properties as Name extends Required<Schema>
          ? never
          : Name]?: FromSchema<Properties[Name]>
      } & {
        [Name in Exclude<Required<Schema>, keyof Properties>]: unknown
      }
    >
  : [Required<Schema>] extends [never]
    ? Record<string, Additional<Schema>>
    : { [Name in Required<Schema>]: Additional<Schema> }

/** A list that TypeScript only knows as `string[]` says nothing about which names it holds. */
type Required<Schema> = Schema extends { readonly required: readonly (infer Name extends string)[] }
  ? string extends Name
    ? never
    : Name
  : never

type Additional<Schema> = Schema extends { readonly additionalProperties: infer Extra } ? FromSchema<Extra> : unknown

/** Results are fresh mutable values, whatever the literal was. The first branch ends the recursion where all is open. */
type Mutable<Value> = ReadonlyJSONValue extends Value
  ? JSONValue
  : Value extends object
    ? { -readonly [Key in keyof Value]: Mutable<Value[Key]> }
    : Value

/** Shows `{ a: number; b?: string }` in editors instead of the intersection that it was computed as. */
type Simplify<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? { [Key in keyof Value]: Value[Key] }
    : Value
