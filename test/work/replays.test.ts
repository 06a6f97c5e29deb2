import t from 'tap'
import { Form } from '../../lib/work/payload.js'
import { Replays } from '../../lib/work/replays.js'

const bytes = (n: number): Uint8Array => new Uint8Array(n)

t.test('new, then running, then done; another input is told apart; failures are forgotten', async (t) => {
  const replays = new Replays<string>()
  t.strictSame(replays.find('k', 'h', 0), { kind: 'new' })
  replays.begin('k', 'h', 'job')
  t.strictSame(replays.find('k', 'h', 0), { kind: 'running', job: 'job' })
  t.strictSame(replays.find('k', 'other', 0), { kind: 'other' })
  replays.done('k', 'another job', bytes(1), Form.encoded, 0)
  t.equal(replays.find('k', 'h', 0).kind, 'running')
  replays.done('k', 'job', bytes(1), Form.encoded, 0)
  t.strictSame(replays.find('k', 'h', 0), { kind: 'done', result: bytes(1), form: Form.encoded })
  replays.begin('f', 'h', 'job')
  replays.failed('f', 'job')
  t.strictSame(replays.find('f', 'other', 0), { kind: 'new' })
})

t.test('remembered for ten minutes', async (t) => {
  const replays = new Replays<string>()
  replays.begin('k', 'h', 'job')
  replays.done('k', 'job', bytes(1), Form.encoded, 1_000)
  t.equal(replays.find('k', 'other', 600_999).kind, 'other')
  t.equal(replays.find('k', 'other', 601_000).kind, 'new')
})

t.test('so many and so many bytes; the oldest go first, those that run stay', async (t) => {
  const replays = new Replays<string>()
  replays.begin('running', 'h', 'job')
  for (let i = 0; i < 10_005; i++) {
    replays.begin(`k${i}`, 'h', 'job')
    replays.done(`k${i}`, 'job', bytes(1), Form.encoded, 0)
  }
  t.equal(replays.find('k5', 'h', 0).kind, 'new')
  t.equal(replays.find('k6', 'h', 0).kind, 'done')
  t.equal(replays.find('running', 'h', 0).kind, 'running')
  replays.begin('large', 'h', 'job')
  replays.done('large', 'job', bytes(64 << 20), Form.encoded, 0)
  t.equal(replays.find('k10004', 'h', 0).kind, 'new')
  t.equal(replays.find('large', 'h', 0).kind, 'done')
})
