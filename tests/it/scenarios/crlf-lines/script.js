// Written on Windows
export const meta = {
  name: 'crlf-lines',
  description: 'Lines end with a carriage return and a line feed',
}

const prompt = `Line one
line two

line four`
const continued = 'one \
two'
const raw = String.raw`a
b`
const answer = await agent(prompt, { label: 'multi' })
function position() {
  try {
    null.x
  } catch (error) {
    return /:(\d+):\d+/.exec(error.stack)?.[1]
  }
}
const text = args ?? 'x\r\ny'
return {
  answer, continued, raw, lines: prompt.split('\n').length, returns: prompt.includes('\r'),
  split: text.split(/\r?\n/), at: position(), // comment at the end
}
