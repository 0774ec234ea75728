// From samples to what people read.

export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** A row of the report: the samples of one figure, what they come to, and what they are held against. */
export function row(title, unit, samples, { cpu = [], peak = [], target, original } = {}) {
  const middle = median(samples)
  return {
    title,
    unit,
    median: middle,
    min: Math.min(...samples),
    max: Math.max(...samples),
    cpu: cpu.length > 0 ? median(cpu) : undefined,
    peak: peak.length > 0 ? median(peak) : undefined,
    target,
    reached: target === undefined ? undefined : middle <= target,
    original,
    ratio: original === undefined ? undefined : original / middle,
    samples,
  }
}

const number = (value, unit = '') => {
  if (value === undefined) return ''
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return `${value.toFixed(digits)}${unit}`
}

function target(row) {
  if (row.target === undefined) return ''
  return `≤ ${row.target} ${row.unit} ${row.reached ? '✓' : '✗ **not reached**'}`
}

const COLUMNS = [
  ['', (row) => row.title],
  ['median', (row) => number(row.median, ` ${row.unit}`)],
  ['min', (row) => number(row.min)],
  ['max', (row) => number(row.max)],
  ['target', target],
  ['original', (row) => number(row.original)],
  ['original ÷ ours', (row) => number(row.ratio, row.ratio === undefined ? '' : '×')],
  ['CPU ms', (row) => number(row.cpu)],
  ['peak RSS MB', (row) => number(row.peak)],
]

/** Rows as a markdown table, without the columns in which none of them has anything. */
export function table(heading, rows) {
  const columns = COLUMNS.filter(([, cell]) => rows.some((row) => cell(row) !== ''))
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line([heading, ...columns.slice(1).map(([title]) => title)]),
    line(columns.map((_, index) => (index === 0 ? '---' : '--:'))),
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row)))),
  ].join('\n')
}
