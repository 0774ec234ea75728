export const meta = { name: 'number-format-options', description: 'Formats money and percentages with options' }

return {
  fraction: (1234.5).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
  rounded: (1234.567).toLocaleString(undefined, { maximumFractionDigits: 0 }),
  percent: (0.256).toLocaleString('en-US', { style: 'percent' }),
  money: (1234.5).toLocaleString('en-US', { style: 'currency', currency: 'USD' }),
  plain: (1234567).toLocaleString('en-US', { useGrouping: false }),
  compact: (1234567).toLocaleString('en-US', { notation: 'compact' }),
  padded: (7).toLocaleString('en-US', { minimumIntegerDigits: 2 }),
}
