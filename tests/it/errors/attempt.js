(error) => {
  if (!(error instanceof Error)) return `not an error: ${String(error)}`
  const first = typeof error.stack === 'string' ? error.stack.slice(0, String(error).length) : typeof error.stack
  return first === String(error) ? first : `${String(error)} | stack: ${error.stack.split('\n')[0]}`
}
