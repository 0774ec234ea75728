// From schema literals to types.

import type { FromSchema, JSONSchema, JSONValue } from '@smol-workflow/engine/workflow'

import { same } from './same.js'

declare function infer<const Schema extends JSONSchema>(schema: Schema): FromSchema<Schema>
function is<Expected>() {
  return <Actual>(_value: Actual, ..._same: (<T>() => T extends Actual ? 1 : 2) extends <T>() => T extends Expected ? 1 : 2
    ? []
    : [differs: Expected]) => {}
}

// One type.
is<string>()(infer({ type: 'string', minLength: 1, format: 'email' }))
is<number>()(infer({ type: 'number' }))
is<number>()(infer({ type: 'integer', minimum: 0 }))
is<boolean>()(infer({ type: 'boolean' }))
is<null>()(infer({ type: 'null' }))

// Several.
is<string | null>()(infer({ type: ['string', 'null'] }))
is<string | null>()(infer({ type: 'string', nullable: true }))
is<number[] | string>()(infer({ type: ['array', 'string'], items: { type: 'number' } }))

// Values.
is<'high' | 'low'>()(infer({ enum: ['high', 'low'] }))
is<'high' | 'low'>()(infer({ type: 'string', enum: ['high', 'low'] }))
is<'x' | 1 | null>()(infer({ enum: ['x', 1, null] }))
is<'done'>()(infer({ const: 'done' }))
is<{ a: [1, 2] }>()(infer({ const: { a: [1, 2] } }))

// Objects.
is<{ n: number }>()(infer({ type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }))
is<{ n?: number }>()(infer({ type: 'object', properties: { n: { type: 'integer' } } }))
is<{ a: string; b?: { c: boolean } }>()(
  infer({
    type: 'object',
    additionalProperties: false,
    required: ['a'],
    properties: {
      a: { type: 'string', description: 'text' },
      b: { type: 'object', properties: { c: { type: 'boolean' } }, required: ['c'] },
    },
  }),
)
is<{ a: number; extra: unknown }>()(
  infer({ type: 'object', properties: { a: { type: 'number' } }, required: ['a', 'extra'] }),
)
is<{ only: unknown }>()(infer({ type: 'object', required: ['only'] }))
is<Record<string, unknown>>()(infer({ type: 'object' }))
is<Record<string, number>>()(infer({ type: 'object', additionalProperties: { type: 'number' } }))
is<Record<string, never>>()(infer({ type: 'object', additionalProperties: false }))
// A property may be called like a keyword.
is<{ properties: string; type: number; required?: boolean }>()(
  infer({
    type: 'object',
    properties: { properties: { type: 'string' }, type: { type: 'number' }, required: { type: 'boolean' } },
    required: ['properties', 'type'],
  }),
)

// Arrays.
is<string[]>()(infer({ type: 'array', items: { type: 'string' }, minItems: 1 }))
is<unknown[]>()(infer({ type: 'array' }))
is<unknown[]>()(infer({ type: 'array', items: true }))
is<{ id: string }[]>()(
  infer({ type: 'array', items: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] } }),
)
is<[string?, number?, ...unknown[]]>()(infer({ type: 'array', items: [{ type: 'string' }, { type: 'number' }] }))
// Draft 07, which answers are checked by, knows no `prefixItems`.
is<unknown[]>()(infer({ type: 'array', prefixItems: [{ type: 'string' }] }))

// Combinations.
is<string | number>()(infer({ anyOf: [{ type: 'string' }, { type: 'number' }] }))
is<{ kind: 'a'; a: number } | { kind: 'b'; b?: string }>()(
  infer({
    oneOf: [
      { type: 'object', properties: { kind: { const: 'a' }, a: { type: 'number' } }, required: ['kind', 'a'] },
      { type: 'object', properties: { kind: { const: 'b' }, b: { type: 'string' } }, required: ['kind'] },
    ],
  }),
)
is<{ a: number; b: string }>()(
  infer({
    allOf: [
      { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] },
      { type: 'object', properties: { b: { type: 'string' } }, required: ['b'] },
    ],
  }),
)
is<{ a?: number }>()(infer({ type: 'object', properties: { a: { type: 'number' } }, anyOf: [{ required: ['a'] }] }))

// What is not known is not promised.
is<unknown>()(infer({}))
is<unknown>()(infer(true))
is<never>()(infer(false))
is<unknown>()(infer({ $ref: '#/definitions/x', definitions: { x: { type: 'string' } } }))
is<unknown>()(infer({ properties: { a: { type: 'string' } }, required: ['a'] }))
same<FromSchema<JSONSchema>, unknown>(true)
same<FromSchema<{ type: 'object'; properties: { a: { type: 'string' } }; required: string[] }>, { a?: string }>(true)

// Results are mutable JSON.
infer({ type: 'array', items: { enum: [['a'], 'b'] } }) satisfies JSONValue
infer({ type: 'object', properties: { list: { const: [1] } }, required: ['list'] }).list[0] = 1

// @ts-expect-error not a type
infer({ type: 'strnig' })
// @ts-expect-error not a type, further down
infer({ type: 'object', properties: { a: { type: 'text' } } })
// @ts-expect-error not a list
infer({ type: 'object', required: 'a' })
