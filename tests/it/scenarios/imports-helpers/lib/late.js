export function late() {
  throw new Error('from a helper')
}
