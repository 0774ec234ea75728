// From the JSON Schema of smol.config.json to its TypeScript types, js/config-types.ts. A test keeps the two together:
// run it with UPDATE_GENERATED=1 after the schema has changed. What the schema lets be null is left out instead.

/** TypeScript's names for what the schema defines. */
const NAMES = {
  Keep: 'SmolKeep',
  Merge: 'SmolMerge',
  Permissions: 'SmolPermissions',
  ProviderSettings: 'SmolProviderSettings',
  Rate: 'SmolRate',
  WorktreeChoice: 'SmolWorktree',
}

const HEADER = `/**
 * What stands in smol.config.json. Generated from schema/smol.config.schema.json by a test, never edited.
 *
 * @module
 */
`

/** The text of the file. */
export function configTypes(schema) {
  const { $defs, ...root } = schema
  const types = [['SmolConfig', root], ...Object.entries($defs).map(([name, type]) => [nameOf(name), type])]
  return HEADER + types.map(([name, type]) => `\n${comment(type, '')}export type ${name} = ${typeOf(type, '')}\n`).join('')
}

function nameOf(name) {
  if (!Object.hasOwn(NAMES, name)) throw new Error(`scripts/config-types.mjs has no name for ${name}`)
  return NAMES[name]
}

function comment({ description }, indent) {
  if (description === undefined) return ''
  // Doc comments are prose: nothing in them may end them.
  return `${indent}/** ${description.replaceAll('*/', '*\\/')} */\n`
}

function typeOf(schema, indent) {
  if (schema.$ref) return nameOf(schema.$ref.replace('#/$defs/', ''))
  const choices = schema.anyOf ?? schema.oneOf
  if (choices) return choices.filter((choice) => choice.type !== 'null').map((choice) => typeOf(choice, indent)).join(' | ')
  if (schema.const !== undefined) return `'${schema.const}'`
  const [type, ...others] = [schema.type].flat().filter((one) => one !== 'null')
  if (others.length > 0) throw new Error(`a type of several kinds: ${JSON.stringify(schema)}`)
  switch (type) {
    case 'string':
    case 'number':
    case 'boolean':
      return type
    case 'integer':
      return 'number'
    case 'array':
      return `readonly ${typeOf(schema.items, indent)}[]`
    case 'object':
      return schema.properties ? members(schema, indent) : `Record<string, ${typeOf(schema.additionalProperties, indent)}>`
    default:
      throw new Error(`a type without a rule: ${JSON.stringify(schema)}`)
  }
}

function members({ properties, required = [] }, indent) {
  const inner = `${indent}  `
  const lines = Object.entries(properties).map(([name, schema]) => {
    const key = /^[a-z$_][\w$]*$/i.test(name) ? name : `'${name}'`
    return `${comment(schema, inner)}${inner}${key}${required.includes(name) ? '' : '?'}: ${typeOf(schema, inner)}\n`
  })
  return `{\n${lines.join('')}${indent}}`
}
