import t from 'tap'
import type { ErrorCode } from '../../lib/gossip/errors.js'
import { TelepathineError } from '../../lib/index.js'
import { refusalOf, Refusal } from '../../lib/http/errors.js'
import { CallError, RemoteError } from '../../lib/work/errors.js'

const remote = (code?: string) => {
  return new RemoteError({ name: 'RangeError', message: 'no', code, data: { a: 1 }, stack: undefined }, 'b:1')
}

const statuses: readonly (readonly [ErrorCode, number])[] = [
  ['ERR_PORT', 400], ['ERR_ADDRESS', 400], ['ERR_KEY', 400], ['ERR_VALUE', 400], ['ERR_OPTION', 400],
  ['ERR_DENIED', 403], ['ERR_NO_WORKER', 404], ['ERR_KEY_REUSED', 409], ['ERR_TOO_LARGE', 413], ['ERR_BUSY', 429],
  ['ERR_ABORTED', 499], ['ERR_HANDLER', 500], ['ERR_PEER_LOST', 502], ['ERR_OVERLOAD', 503], ['ERR_STOPPED', 503],
  ['ERR_DRAINING', 503], ['ERR_TIMEOUT', 504],
]

for (const [code, status] of statuses) {
  t.test(`${code} is ${status}`, async t => {
    const refusal = refusalOf(new TelepathineError(code, 'so it is'))
    t.match(refusal, { status, code, message: 'so it is' })
    t.equal('retry-after' in refusal.headers, [429, 503].includes(status), 'worth another try only when it says so')
    t.strictSame(refusal.told, { code, message: 'so it is' })
  })
}

t.test('what a handler threw is told in its own words', async t => {
  const cause = remote('E_A')
  const refusal = refusalOf(new CallError('ERR_HANDLER', 'x', { peer: 'b:1', maybeExecuted: true, cause }))
  t.equal(refusal.status, 500)
  t.strictSame(refusal.told,
    { code: 'ERR_HANDLER', message: 'no', peer: 'b:1', name: 'RangeError', cause: 'E_A', data: { a: 1 } })
})

t.test('a handler that finds fault with its input makes it the client\'s', async t => {
  const refusal = refusalOf(new CallError('ERR_HANDLER', 'x', { peer: 'b:1', cause: remote('ERR_VALUE') }))
  t.match(refusal, { status: 422, code: 'ERR_HANDLER', message: 'no' })
})

t.test('what is known of a lost or busy worker is told', async t => {
  const lost = refusalOf(new CallError('ERR_PEER_LOST', 'gone', { peer: 'b:1', maybeExecuted: true }))
  t.match(lost, { status: 502, told: { peer: 'b:1', maybeExecuted: true } })
  t.strictSame(refusalOf(new CallError('ERR_BUSY', 'x', { retryAfterMs: 2_500 })).headers, { 'retry-after': '3' })
})

t.test('errors without a code are ours, and refusals stay what they are', async t => {
  t.match(refusalOf(new Error('secret')), { status: 500, code: 'ERR_INTERNAL', message: /^this peer failed/ })
  t.match(refusalOf('nothing'), { status: 500 })
  const refusal = new Refusal(418, 'X', 'y')
  t.equal(refusalOf(refusal), refusal)
})
