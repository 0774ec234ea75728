export const meta = { name: 'refused-typescript-in-a-function', description: 'Annotates one parameter' }

const shout = (text: string) => text.toUpperCase()
return shout(await agent('hello'))
