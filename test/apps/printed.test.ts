import { PassThrough } from 'node:stream'
import t from 'tap'
import { Printed } from '../../lib/apps/printed.js'
import { Rate } from '../../lib/apps/rate.js'

function printedOf() {
  const lines: string[] = []
  const clock = { now: 0 }
  const printed = new Printed(line => lines.push(line), () => clock.now)
  const stream = new PassThrough()
  printed.follow(stream)
  const write = async (...texts: (string | Buffer)[]) => {
    for (const text of texts) stream.write(text)
    await new Promise(resolve => setImmediate(resolve))
  }
  return { lines, clock, printed, stream, write }
}

t.test('lines come whole, however they were cut', async t => {
  const { lines, stream, write } = printedOf()
  const bytes = Buffer.from('é\n')
  await write('one\ntw', 'o\r\n\n', bytes.subarray(0, 1), bytes.subarray(1), 'last')
  t.strictSame(lines, ['one', 'two', '', 'é'])
  const ended = new Promise(resolve => stream.on('end', resolve))
  stream.end()
  await ended
  t.strictSame(lines.at(-1), 'last')
})

t.test('of a line that does not end only the beginning is held', async t => {
  const { lines, write } = printedOf()
  for (let n = 0; n < 10; n++) await write('x'.repeat(999))
  await write('end\nnext\n')
  t.strictSame(lines.map(line => line.length), [1_000, 4])
})

t.test('no more lines than a person could read', async t => {
  const { lines, clock, write } = printedOf()
  await write('x\n'.repeat(5_000))
  t.equal(lines.length, 101)
  t.match(lines.at(-1), /and more/)
  clock.now = 1_000
  await write('again\n')
  t.equal(lines.at(-1), 'again')
})

t.test('a rate is for each second', async t => {
  const rate = new Rate(2)
  t.strictSame([0, 1, 999, 1_000, 1_001, 1_002].map(now => rate.allows(now)), [true, true, false, true, true, false])
  t.equal(rate.count, 3)
})
