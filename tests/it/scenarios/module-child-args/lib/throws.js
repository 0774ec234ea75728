export const meta = { name: 'throwing child', description: 'Fails' }
export default () => { throw new Error('child boom') }
