export const meta = { name: 'grandchild', description: 'Wants a child of its own' }
return await workflow({ scriptPath: 'echo.js' }, 1).catch((error) => error.message)
