export const meta = { name: 'broken'
