export const meta = { name: 'retry-with-backoff', description: 'Asks again, later and later, until the answer will do' }

const delays = []
async function withRetries(task, { attempts = 4, base = 1, factor = 2 } = {}) {
  let last
  for (let attempt = 1; attempt <= attempts; attempt++) {
    try {
      return await task(attempt)
    } catch (error) {
      last = error
      if (attempt === attempts) break
      const delay = base * factor ** (attempt - 1)
      delays.push(delay)
      await new Promise((resolve) => setTimeout(resolve, delay))
      log(`attempt ${attempt} failed, next in ${delay} ms`, error.message.split('\n')[0])
    }
  }
  throw new Error(`gave up after ${attempts} attempts`, { cause: last })
}

const answer = await withRetries((attempt) => agent(`Give me a number, attempt ${attempt}`, {
  label: `try ${attempt}`,
  schema: { type: 'integer', minimum: attempt < 3 ? 1 : 0 },
}))
let failure
try {
  await withRetries((attempt) => { throw new TypeError(`no ${attempt}`) }, { attempts: 2 })
} catch (error) {
  failure = { message: error.message, cause: `${error.cause}`, own: error.cause instanceof TypeError }
}
return { answer, delays, failure }
