export const meta = { name: 'refused-meta-without-description', phases: [{ title: 'One' }] }
return 1
