export const meta = { name: 'syntax', description: 'Has a mistake' }
return 1 +
