const meta = { name: 'refused-no-meta', description: 'Forgets to export it' }
return await agent(meta.name)
