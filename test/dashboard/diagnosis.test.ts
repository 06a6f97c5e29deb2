import t from 'tap'
import { diagnose, shortNames } from '../../lib/dashboard/diagnosis.js'
import type { PeerRow, RumourRow } from '../../lib/http/live/protocol.js'

/** A peer, all defaulted. */
function peer(key: string, state: PeerRow['state'] = 'alive', since = 0): PeerRow {
  const rest = { incarnation: 1, place: 0, phi: null, version: 1, keys: 0, bytes: 0, metadata: '' }
  return { key, state, since, ...rest }
}

function rumour(by: string, about: string, verdict: RumourRow['verdict'] = 'suspect', stands = true): RumourRow {
  return { key: `${by} ${about}`, by, about, verdict, at: 0, stands }
}

const three = ['a:1', 'b:1', 'c:1'].map(name => peer(name))

t.test('all is well', async t => {
  t.match(diagnose('a:1', three, []), { level: 'good', lines: ['All 3 peers are alive, and nobody doubts anybody.'] })
  const { level } = diagnose('a:1', [...three, peer('d:1', 'left')], [rumour('b:1', 'c:1', 'suspect', false)])
  t.equal(level, 'good', 'who left is no loss, a doubt that is settled none either')
  t.match(diagnose('a:1', [peer('a:1')], []), { level: 'warn', lines: [/^This peer is alone/] })
})

t.test('suspicions are told with those who have them', async t => {
  const peers = [peer('a:1'), peer('b:1'), peer('c:1', 'suspect')]
  t.match(diagnose('a:1', peers, [rumour('a:1', 'c:1'), rumour('b:1', 'c:1')]), {
    level: 'warn', lines: ['c:1 is suspected by this peer and b:1.'],
  })
  t.match(diagnose('a:1', three, [rumour('b:1', 'a:1')]).lines, ['This peer itself is doubted by b:1.'])
  const many = Array.from({ length: 5 }, (_, i) => peer(`x${i}:1`, 'suspect'))
  t.equal(diagnose('a:1', [...three, ...many], []).lines.at(-1), '2 more are suspected.')
})

t.test('who is dead is told, and what they have in common', async t => {
  const alive = Array.from({ length: 20 }, (_, i) => peer(`10.0.1.${i}:1`))
  const one = diagnose('10.0.1.0:1', [...alive, peer('10.0.2.1:1', 'dead')], [])
  t.strictSame(one, { level: 'bad', lines: ['1 of 21 peers is dead: 10.0.2.1:1.'] })
  const host = [1, 2].map(port => peer(`10.0.2.1:${port}`, 'dead', port * 60_000))
  t.match(diagnose('10.0.1.0:1', [...alive, ...host], []).lines, [
    '2 of 22 peers are dead: 10.0.2.1:1 and 10.0.2.1:2.', 'All 2 peers of host 10.0.2.1 are dead.',
  ])
  const group = [1, 2, 3, 4].map(i => peer(`10.0.2.${i}:1`, 'dead', i === 4 ? 3_600_000 : i * 1_000))
  t.match(diagnose('10.0.1.0:1', [...alive, ...group], []).lines, [
    '4 of 24 peers are dead: 10.0.2.1:1, 10.0.2.2:1, 10.0.2.3:1 and 1 more.', /^3 of them fell silent together, at /,
  ])
  const half = diagnose('a:1', [peer('a:1'), peer('b:1', 'dead')], [])
  t.match(half.lines[1], /smaller side of a partition/)
})

t.test('a name can be no trap', async t => {
  t.match(diagnose('a:1', [...three, peer('\u202e\n:1', 'dead')], []).lines[0], String.raw`\u{202e}\u{a}:1`)
})

t.test('names are as short as they can be told apart', async t => {
  t.equal(shortNames(['127.0.0.1:1', '127.0.0.1:2'])('127.0.0.1:2'), ':2')
  t.equal(shortNames(['[::1]:1', '[::1]:2'])('[::1]:2'), ':2')
  t.equal(shortNames(['10.0.0.1:1', '10.0.0.2:1'])('10.0.0.2:1'), '10.0.0.2:1')
})
