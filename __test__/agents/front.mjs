// The model as the programs see it: a server on loopback before the fake model, one for each case, so that every case
// knows its own requests, hears of them as they come, and may change what they ask for.

import { createServer, request as send } from 'node:http'

/** Routes that ask a model for an answer; others are looks at what models there are. */
const ASKS = /\/(messages|responses|chat\/completions)(\?|$)/

/**
 * Starts one. `fake` is the address of the fake model. `rewrite(text)` may give another body for a request.
 */
export async function front(t, fake, { rewrite = (text) => text } = {}) {
  const requests = []
  const waiting = []
  const server = createServer(async (incoming, outgoing) => {
    const chunks = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = rewrite(Buffer.concat(chunks).toString())
    const headers = { ...incoming.headers, 'content-length': Buffer.byteLength(body) }
    delete headers['transfer-encoding']
    const passed = send(new URL(incoming.url, fake), { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers)
      answer.pipe(outgoing)
      // A connection that the model breaks off is broken off here as well.
      answer.on('error', () => outgoing.destroy())
    })
    passed.on('error', () => outgoing.destroy())
    outgoing.on('close', () => passed.destroy())
    passed.end(body)
    if (!ASKS.test(incoming.url)) return
    const seen = { path: incoming.url, body, model: JSON.parse(body).model, tools: JSON.parse(body).tools ?? [] }
    // OpenCode has a title made for each session.
    if (isTitle(seen)) return
    requests.push(seen)
    waiting.shift()?.(seen)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** What the model was asked so far, titles of sessions aside. */
    requests,
    /** The next request. */
    next: () => new Promise((resolve) => waiting.push(resolve)),
  }
}

function isTitle({ body, tools }) {
  return tools.length === 0 && /title generator/i.test(body)
}
