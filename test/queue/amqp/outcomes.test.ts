import t from 'tap'
import { claimPrefix, Outcomes } from '../../../lib/queue/amqp/outcomes.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** Writes a mark into a stream that is read at once. */
const reach = (outcomes: Outcomes): Promise<void> =>
  outcomes.reached(async (mark) => outcomes.read(mark, new Uint8Array(0)))

t.test('what is read anew is not told of before all of it was: what comes first may be taken back', async (t) => {
  const outcomes = new Outcomes(60_000)
  const seen: string[] = []
  outcomes.watch('x', (outcome) => seen.push(String(outcome)))
  outcomes.watch('y', (outcome) => seen.push(String(outcome)))
  outcomes.restart()
  outcomes.read('x', bytes('failed'))
  outcomes.read('y', bytes('done'))
  t.equal(outcomes.get('x'), undefined)
  outcomes.read('x', new Uint8Array(0))
  await reach(outcomes)
  t.strictSame(seen, ['done'])
  t.equal(outcomes.get('x'), undefined)
  t.strictSame(outcomes.get('y'), bytes('done'))
  outcomes.read('x', bytes('well'))
  t.strictSame(seen, ['done', 'well'], 'and from then on at once')
})

t.test('of several claims the first counts, of several outcomes the last', async (t) => {
  const outcomes = new Outcomes(60_000)
  for (const name of [`${claimPrefix}x`, 'x']) {
    outcomes.read(name, bytes('one'))
    outcomes.read(name, bytes('two'))
  }
  t.strictSame(outcomes.get(`${claimPrefix}x`), bytes('one'))
  t.strictSame(outcomes.get('x'), bytes('two'))
})

t.test('whoever asks while a mark is on its way waits for the next one', async (t) => {
  const outcomes = new Outcomes(60_000)
  const marks: string[] = []
  const write = async (mark: string): Promise<void> => void marks.push(mark)
  const over: number[] = []
  const all = [1, 2, 3].map((n) => outcomes.reached(write).then(() => over.push(n)))
  t.equal(marks.length, 1)
  outcomes.read(marks[0] as string, new Uint8Array(0))
  await all[0]
  t.strictSame(over, [1])
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(marks.length, 2, 'those who came later wait together')
  outcomes.read(marks[1] as string, new Uint8Array(0))
  await Promise.all(all)
  t.equal(marks.length, 2)
})

t.test('a mark that cannot be written leaves all in doubt', async (t) => {
  const outcomes = new Outcomes(60_000)
  outcomes.restart()
  outcomes.read('x', bytes('one'))
  await t.rejects(outcomes.reached(async () => Promise.reject(new Error('it is away'))), { message: 'it is away' })
  t.equal(outcomes.get('x'), undefined)
  await reach(outcomes)
  t.strictSame(outcomes.get('x'), bytes('one'))
})

t.test('the newest are known, within bounds of number, size and age', (t) => {
  let now = 1_000_000
  const { now: real } = Date
  Date.now = () => now
  t.teardown(() => (Date.now = real))
  const many = new Outcomes(60_000)
  for (let i = 0; i <= 100_000; i++) many.read(`t${i}`, bytes('1'))
  t.equal(many.get('t0'), undefined)
  t.ok(many.get('t1'))
  now += 60_001
  many.read('last', bytes('1'))
  t.equal(many.get('t100000'), undefined)
  t.ok(many.get('last'))
  const large = new Outcomes(60_000)
  for (let i = 0; i < 3; i++) large.read(`t${i}`, new Uint8Array(64 << 20))
  t.equal(large.get('t0'), undefined)
  t.ok(large.get('t1'))
  t.end()
})
