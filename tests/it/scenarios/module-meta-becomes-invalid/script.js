export const meta = { name: 'module-meta-becomes-invalid', description: 'Breaks its metadata', phases: [{ title: 'P', model: 'kept' }] }
phase('P')
delete meta.name
meta.phases = 'none'
export default () => agent('with the static metadata')
