import { missing } from './lib/empty.js'

export const meta = { name: 'refused-import-that-is-not-exported', description: 'Wants what the helper does not have' }

export default missing
