const VERSION = 3
export const meta = { name: `release-v${VERSION}`, description: 'Its name is computed' }
return await agent('release')
