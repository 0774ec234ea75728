export const meta = { name: 'module-class', description: 'Exports a class, which cannot be called' }
log('evaluated')
export default class Review {
  constructor() { this.made = true }
}
