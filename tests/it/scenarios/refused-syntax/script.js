export const meta = { name: 'refused-syntax', description: 'Has a mistake in line 6' }

const files = ['größe.ts', '🦊.ts']
return await parallel(files.map((file) => () => {
  // the mistake is behind the emoji
  return agent(`🦊 ${file}` 'again')
}))
