const meta2 = { name: 'no', description: 'not this one' }
export const other = 1, meta = { name: 'module-named-as-default', description: 'Exports its entry by another name' }, more = [meta2]
function entry(args, { log }) {
  log('sync entry', typeof args)
  return () => 'a function is not called again'
}
export { entry as default, meta2 as spare }
