import t from 'tap'
import type { Clock } from '../../lib/host/clock.js'
import { Kind } from '../../lib/work/frame.js'
import { Inflow, Outflows } from '../../lib/work/pieces.js'

interface Sent { kind: number; serial: number; offset: number; isLast: boolean; bytes: Uint8Array }

function outflows() {
  const sent: Sent[] = []
  const flows = new Outflows((kind, serial, offset, isLast, bytes) => {
    sent.push({ kind, serial, offset, isLast, bytes })
  })
  return { flows, sent }
}

const value = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => i)
/** Runs at once what is to run soon. */
const clock = { soon: (run: () => void) => { run(); return () => undefined } } as unknown as Clock

t.test('a value goes in pieces and comes together', async (t) => {
  const { flows, sent } = outflows()
  const inflow = new Inflow()
  let isSent = false
  const large = value(500_000)
  flows.add(Kind.inputPiece, 1, large, () => (isSent = true))
  for (const { offset, isLast, bytes } of sent) {
    t.ok(inflow.take(offset, isLast, bytes))
    flows.confirm(Kind.inputPiece, 1, inflow.confirm())
  }
  t.notOk(isSent, 'the last are confirmed when all is put together')
  let whole: Uint8Array | undefined
  inflow.assemble(clock, (bytes) => (whole = bytes))
  t.ok(whole !== undefined && Buffer.compare(whole, large) === 0)
  flows.confirm(Kind.inputPiece, 1, inflow.confirm(true))
  t.ok(isSent)
})

t.test('only so much is on its way, of several a piece of each in turn', async (t) => {
  const { flows, sent } = outflows()
  flows.add(Kind.inputPiece, 1, value(3_000_000), () => undefined)
  const atFirst = sent.length
  const waiting = sent.reduce((sum, { bytes }) => sum + bytes.length, 0)
  t.ok(waiting >= 1 << 20 && waiting < 1.1 * (1 << 20))
  flows.add(Kind.outputPiece, 2, value(3_000_000), () => undefined)
  t.equal(sent.length, atFirst, 'the window is full')
  flows.confirm(Kind.inputPiece, 1, 200_000)
  const serials = sent.slice(atFirst).map(({ serial }) => serial)
  t.ok(serials.includes(1) && serials.includes(2))
  flows.confirm(Kind.inputPiece, 1, 1e9)
  flows.confirm(Kind.outputPiece, 99, 5)
  t.ok(sent.length < 70, 'whoever confirms more than was sent gains nothing')
})

t.test('what is dropped or lost makes room', async (t) => {
  const { flows, sent } = outflows()
  flows.add(Kind.inputPiece, 1, value(3_000_000), () => t.fail('was not sent'))
  flows.add(Kind.outputPiece, 2, value(100_000), () => undefined)
  flows.drop(Kind.inputPiece, 1)
  t.equal(sent.at(-1)?.serial, 2)
  t.ok(sent.at(-1)?.isLast)
  t.strictSame(flows.lost(Kind.inputPiece), [])
  t.strictSame(flows.lost(Kind.outputPiece), [2])
})

t.test('a gap is noticed, and what comes after the last', async (t) => {
  const inflow = new Inflow()
  t.ok(inflow.take(0, false, value(10)))
  t.notOk(inflow.take(11, false, value(10)))
  t.notOk(inflow.take(0, false, value(10)))
  t.ok(inflow.take(10, true, value(5)))
  t.notOk(inflow.take(15, false, value(5)))
})
