// Prompts as people write them.
export const meta = { name: 'labels-in-every-language', description: '多言語レビュー · مراجعة · סקירה · समीक्षा · ทบทวน' }

const prompts = {
  zh: '请审查以下更改，并用要点列出问题：',
  ja: '次の変更をレビューしてください。「重大」だけを報告すること。',
  ar: 'راجع التغييرات التالية واذكر المخاطر.',
  he: 'סקור את השינויים הבאים "בקפידה".',
  hi: 'निम्नलिखित परिवर्तनों की समीक्षा करें।',
  th: 'ตรวจสอบการเปลี่ยนแปลงต่อไปนี้',
  ko: '다음 변경 사항을 검토하세요.',
  ru: 'Проверь изменения и перечисли риски.',
  el: 'Έλεγξε τις παρακάτω αλλαγές.',
  tr: 'Aşağıdaki değişiklikleri İNCELE.',
  vi: 'Xem xét các thay đổi sau đây.',
  fr: 'Relis les changements ci-dessous : l’essentiel, s’il te plaît.',
}
const answers = await parallel(Object.entries(prompts).map(([lang, prompt]) => () =>
  agent(prompt, { label: `${lang}: ${[...prompt].slice(0, 6).join('')}…` })))
return Object.fromEntries(Object.keys(prompts).map((lang, i) => [lang, answers[i] === `echo: ${prompts[lang]}` && answers[i].length]))
