import { secret } from '../../secret.js'

export const meta = { name: 'refused-import-outside', description: 'Reaches out of its folder' }

export default secret
