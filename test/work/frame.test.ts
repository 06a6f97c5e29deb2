import fc from 'fast-check'
import t from 'tap'
import * as frame from '../../lib/work/frame.js'
import { traceBytesMax } from '../../lib/work/tracecontext.js'

const { Flag, Kind } = frame

t.test('a call reads as it was written, at each of its attempts', async (t) => {
  const text = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
  fc.assert(fc.property(
    text, fc.option(text, { nil: undefined }), fc.uint8Array({ maxLength: 300 }), fc.nat(2 ** 32 - 1),
    fc.integer({ min: 1, max: 255 }), fc.option(fc.nat(1e6), { nil: Infinity }),
    fc.option(fc.uint8Array({ maxLength: traceBytesMax }), { nil: undefined }),
    (service, key, input, serial, attempt, budgetMs, trace) => {
      const flags = Flag.stream | (key === undefined ? 0 : Flag.keyed) | (trace === undefined ? 0 : Flag.traced)
      const keyBytes = key === undefined ? key : Buffer.from(key)
      const message = frame.callMessage(flags, Buffer.from(service), keyBytes, input, trace)
      frame.address(message, serial, attempt, budgetMs)
      const bytes = Buffer.concat([frame.frameHead(7, 9), message, frame.newMessage(Kind.cancel, 3, 0)])
      const seen: unknown[] = []
      const isWell = frame.readMessages(bytes, (kind, of, at, end) => {
        const head = kind === Kind.call ? frame.readCall(bytes, at, end) : undefined
        seen.push([kind, of, head && { ...head, inputAt: 0 }, head && [...bytes.subarray(head.inputAt, end)]])
        return true
      })
      const told = budgetMs === Infinity ? 0 : Math.max(1, budgetMs)
      t.strictSame(seen, [
        [Kind.call, serial, { flags, attempt, budgetMs: told, service, key, trace, inputAt: 0 }, [...input]],
        [Kind.cancel, 3, undefined, undefined],
      ])
      return isWell
    },
  ), { numRuns: 50 })
})

t.test('a trace context that is too long makes a call malformed', async (t) => {
  const read = (bytes: number): frame.CallHead | undefined => {
    const message = frame.callMessage(Flag.traced, Buffer.from('s'), undefined, undefined, new Uint8Array(bytes))
    return frame.readCall(message, frame.messageHeadBytes, message.length)
  }
  t.equal(read(traceBytesMax)?.trace?.length, traceBytesMax)
  t.equal(read(traceBytesMax + 1), undefined)
})

t.test('heads name two lives; what is no frame has none', async (t) => {
  t.strictSame(frame.readFrameHead(frame.frameHead(5, 0)), { sender: 5, receiver: 0 })
  for (const bad of [[], [0x77], [0x74, 1, 0, 0, 0, 1, 0, 0, 0, 0], [0x77, 2, 0, 0, 0, 1, 0, 0, 0, 0],
    [0x77, 1, 0, 0, 0, 0, 0, 0, 0, 0]]) {
    t.equal(frame.readFrameHead(Uint8Array.from(bad)), undefined)
  }
  t.ok(frame.lifeOf(0) > 0 && frame.lifeOf(2 ** 47) < 2 ** 32)
  t.not(frame.lifeOf(1_700_000_000_000), frame.lifeOf(1_700_000_000_001))
})

t.test('numbers and serials come through', async (t) => {
  const count = frame.countMessage(Kind.credit, 5, 2 ** 32 - 1)
  t.equal(frame.readU32(count, frame.messageHeadBytes), 2 ** 32 - 1)
  const serials = frame.serialsMessage(Kind.areYouAt, [1, 2 ** 31])
  t.equal(serials.length, frame.messageHeadBytes + 8)
  t.equal(frame.readU32(serials, frame.messageHeadBytes + 4), 2 ** 31)
  const refusal = frame.refusalMessage(1, { stamp: 2, inflight: 3 }, frame.Refusal.busy, 1e12)
  t.equal(refusal.length, frame.messageHeadBytes + frame.refusalBytes)
})

t.test('hostile bytes never throw, and nothing is read beyond its message', async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (tail) => {
    const bytes = Buffer.concat([frame.frameHead(1, 1), tail])
    frame.readMessages(bytes, (_kind, _serial, at, end) => {
      if (at > end || end > bytes.length) throw new Error('beyond the end')
      const head = frame.readCall(bytes, at, end)
      if (head !== undefined && head.inputAt > end) throw new Error('input beyond the end')
      return true
    })
    return true
  }), { numRuns: 2_000 })
})
