export const meta = { name: 'url-report', description: 'Groups links by host and asks about each' }

const parsed = args.links.map((link) => {
  try {
    const { href, host, hostname, port, pathname, search, hash, username, origin, searchParams } = new URL(link, link.startsWith('//') ? 'https://base.example' : undefined)
    return { href, host, hostname, port, pathname, search, hash, username, origin, params: [...searchParams], q: searchParams.getAll('q') }
  } catch (error) {
    return { link, error: error.message, code: error.code, name: error.name }
  }
})
const api = new URL('/repos/octo/app/issues', 'https://api.example.com')
for (const [key, value] of Object.entries({ state: 'open', labels: 'bug,ui', since: 'ä & ö' })) api.searchParams.append(key, value)
api.searchParams.delete('labels')
const query = new URLSearchParams({ b: '2', a: '1 + 1' })
query.sort()
const hosts = Object.groupBy ? Object.keys(Object.groupBy(parsed.filter((p) => p.host), (p) => p.host)) : [...new Set(parsed.filter((p) => p.host).map((p) => p.host))]
const notes = await pipeline(hosts, (host) => agent(`What is ${host}? See ${api}`))
return { parsed, api: api.href, query: `${query}`, json: JSON.stringify({ api }), hosts, notes, valid: URL.canParse('x:y') }
