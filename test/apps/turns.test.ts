import t from 'tap'
import { turnOf } from '../../lib/apps/turns.js'
import type { Standing } from '../../lib/apps/wants.js'

const order = '0'.repeat(16)
const at = (state: Standing['state'], more: Partial<Standing> = {}): Standing => {
  return { state, order, version: undefined, holds: undefined, error: undefined, tried: false, ...more }
}
const chosen = ['a', 'b', 'c']
const turn = (me: string, standings: Record<string, Standing> = {}) =>
  turnOf(me, order, chosen, peer => standings[peer])

t.test('one goes first, the others wait until it runs there', async t => {
  t.strictSame(turn('a'), { kind: 'first' })
  t.strictSame(turn('b'), { kind: 'wait' })
  for (const state of ['fetching', 'ready', 'starting', 'waiting', 'stopped'] as const) {
    t.strictSame(turn('c', { a: at(state) }), { kind: 'wait' }, state)
  }
  t.strictSame(turn('c', { a: at('running') }), { kind: 'next' })
  t.strictSame(turn('c', { a: at('running', { order: 'another' }) }), { kind: 'wait' }, 'of another order')
})

t.test('if the app fails there, nobody else starts it', async t => {
  const failed = at('failed', { tried: true, error: 'SyntaxError' })
  t.strictSame(turn('b', { a: failed }), { kind: 'never', peer: 'a', error: 'SyntaxError' })
  t.strictSame(turn('b', { a: failed, c: at('running') }), { kind: 'next' }, 'unless it runs elsewhere all the same')
  t.strictSame(turn('a', { a: failed }), { kind: 'first' }, 'it may try again itself')
})

t.test('if a peer cannot even start it, the next one goes first', async t => {
  const unable = at('failed', { error: 'takes no code' })
  t.strictSame(turn('b', { a: unable }), { kind: 'first' })
  t.strictSame(turn('c', { a: unable }), { kind: 'wait' })
  t.strictSame(turn('c', { a: unable, b: at('failed', { tried: true }) }),
    { kind: 'never', peer: 'b', error: 'it did not say why' })
})

t.test('a peer that comes late goes on if it runs anywhere, though it would be the first', async t => {
  t.strictSame(turn('a', { b: at('running') }), { kind: 'next' })
})
