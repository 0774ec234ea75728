export const meta = { name: 'deep review', description: 'Comes later in the alphabet' }
return 'never'
