export const meta = { name: 'bigint-hashes', description: 'Names its work by hashes' }

const fnv64 = (text) => {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash.toString(16).padStart(16, '0')
}
const djb2 = (text) => { let h = 5381; for (let i = 0; i < text.length; i++) h = ((h << 5) + h + text.charCodeAt(i)) | 0; return (h >>> 0).toString(36) }
const crc = (text) => { let c = ~0; for (const byte of new TextEncoder().encode(text)) { c ^= byte; for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1 } return (~c >>> 0).toString(16) }
const mulberry = (seed) => () => { seed = (seed + 0x6d2b79f5) | 0; let t = Math.imul(seed ^ (seed >>> 15), 1 | seed); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 4294967296 }
const random = mulberry(42)
const shuffled = (list) => { const copy = [...list]; for (let i = copy.length - 1; i > 0; i--) { const j = Math.floor(random() * (i + 1)); [copy[i], copy[j]] = [copy[j], copy[i]] } return copy }
const hashes = Object.entries(args.files).map(([file, text]) => ({ file, fnv: fnv64(text), djb2: djb2(text), crc: crc(text) }))
const factorial = (n) => (n <= 1n ? 1n : n * factorial(n - 1n))
const big = [factorial(25n), 2n ** 100n, -7n / 2n, -7n % 3n, 1n << 70n, BigInt('0xff'), BigInt.asIntN(8, 200n), ~5n, 5n & 3n].map(String)
const answer = await parallel(hashes.map(({ file, fnv }) => () => agent(`Cache key of ${file}: ${fnv}`, { key: fnv })))
const errors = [() => 1n + 1, () => JSON.stringify({ n: 1n }), () => BigInt(1.5), () => +1n, () => BigInt('x')].map((f) => { try { return String(f()) } catch (error) { return error.name } })
return { hashes, shuffled: shuffled([1, 2, 3, 4, 5, 6, 7, 8]), numbers: [random(), random()], big, answer, errors, compare: [1n == 1, 1n === 1, 2n > 1, typeof 1n, 0n ? 't' : 'f', [3n, 1, 2n].sort().map(String)], safe: Number(2n ** 53n) + 1 }
