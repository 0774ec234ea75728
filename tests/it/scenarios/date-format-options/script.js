export const meta = { name: 'date-format-options', description: 'Writes a date with options' }

const at = new Date(args.at)
return {
  long: at.toLocaleDateString('en-US', { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }),
  short: at.toLocaleDateString('en-US', { month: 'short', day: '2-digit' }),
  time: at.toLocaleTimeString('en-US', { hour: '2-digit', minute: '2-digit', hour12: false }),
  zone: at.toLocaleString('en-US', { timeZone: 'UTC', timeZoneName: 'short' }),
}
