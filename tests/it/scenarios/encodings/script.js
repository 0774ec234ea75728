export const meta = { name: 'encodings', description: 'Encodes and decodes' }

const bytes = new TextEncoder().encode(args.secret)
const base64 = btoa(String.fromCharCode(...bytes))
const back = new TextDecoder().decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)))
const [user, password] = atob(args.token).split(':')
const view = new DataView(new ArrayBuffer(8))
view.setFloat32(0, 1.5); view.setInt16(4, -2, true); view.setUint8(6, 300)
const words = new Uint32Array([1, 2, 3].map((n) => n * 2 ** 31))
const slices = [bytes.slice(1, 3), bytes.subarray(-4), new Uint8Array(bytes.buffer, 1, 2)].map((b) => [...b])
const answer = await agent(`Decode ${base64}`)
return {
  bytes: [...bytes], base64, back, user, password, view: [...new Uint8Array(view.buffer)], words: [...words], slices, answer,
  hex: Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(''), uri: [encodeURI('a b/ü?x=1&y=#'), encodeURIComponent("it's (ok)!*"), decodeURIComponent('%E2%82%AC'), escape('ü €')],
  into: new TextEncoder().encodeInto('aé🦊', new Uint8Array(4)), bad: new TextDecoder().decode(new Uint8Array([0xff, 0x61, 0xc3])), clamped: [...new Uint8ClampedArray([300, -5, 1.5, 2.5])],
  json: JSON.stringify({ typed: new Uint8Array([1, 2]), buffer: new ArrayBuffer(2) }), errors: [() => atob('***'), () => btoa('€'), () => decodeURIComponent('%'), () => new Uint8Array(-1)].map((f) => { try { f() } catch (error) { return error.name } }),
}
