export const meta = { name: 'astral-🪐-text', description: 'Umlaute, 漢字, 🧑‍🔬 und ﷽', phases: [{ title: 'Grüße 👋', model: 'haiku' }] }

const größe = args.names.length
const { names: [zoë, 李雷, ...übrige] } = args
phase('Grüße 👋')
const greetings = await Promise.all(args.names.map((name) => agent(`Grüße ${name} — „höflich“, 1–2 Sätze… 🙏`, { label: `👤${name}` })))
const rocket = '👩‍🚀'
const facts = {
  größe,
  units: rocket.length,
  points: [...rocket].length,
  codes: Array.from(rocket, (c) => c.codePointAt(0).toString(16)),
  cut: '🦊🐻'.slice(0, 2),
  at: '🦊🐻'.at(-2).charCodeAt(0),
  upper: 'straße ŉ ﬁ ǆ'.toUpperCase(),
  lower: 'İSTANBUL ΑΣ ẞ'.toLowerCase(),
  nfd: 'é'.normalize('NFD').length,
  nfc: 'é'.normalize() === 'é',
  escape: '\u{1F98A}' === '🦊' && '\ud83e\udd8a' === '🦊',
  formed: ['ok🦊'.isWellFormed(), '\ud83e'.isWellFormed(), 'x\ud83e'.toWellFormed()],
  reversed: [...'añ🦊'].reverse().join(''),
  code: String.fromCodePoint(0x1f600, 65),
  trimmed: '\u3000\u00a0 hi\ufeff'.trim(),
  uri: encodeURIComponent('ü🦊/?') + decodeURIComponent('%F0%9F%A6%8A'),
  key: Object.keys({ ключ: 1, '🔑': 2, [zoë]: 3 }),
}
return { greetings, facts, 李雷, übrige }
