import fc from 'fast-check'
import t from 'tap'
import { bytesOf, compose, type Scene } from '../../../lib/cli/top/screen.js'
import { draw } from '../../../lib/cli/top/style.js'
import { Mirror } from '../../../lib/http/live/mirror.js'
import type { Happening, LiveSnapshot, Tables } from '../../../lib/http/live/protocol.js'

const at = Date.UTC(2026, 0, 1)

function peer(key: string, more: Partial<Tables['peers']> = {}): Tables['peers'] {
  return {
    key, state: 'alive', incarnation: 1, since: at - 65_000, place: 0, phi: null, version: 1, keys: 2, bytes: 300,
    metadata: '', ...more,
  }
}

function worker(service: string, of: string, more: Partial<Tables['workers']> = {}): Tables['workers'] {
  return {
    key: `${of} ${service}`, service, peer: of, version: '', tags: '', concurrency: 4, load: '0.50', inflight: 3,
    running: 2, waiting: 1, calls: 10, errors: 0, refused: 0, p50: 2, p99: 20, ...more,
  }
}

function mirrorOf(tables: Partial<LiveSnapshot['tables']>): Mirror {
  const mirror = new Mirror()
  mirror.apply({
    type: 'snapshot', version: 1, at,
    self: { name: 'a:1', cluster: 'c' } as LiveSnapshot['self'],
    tables: { peers: [], rumours: [], workers: [], apps: [], queues: [], ...tables },
    queue: null,
    history: [[at, 1_000, 200, 300, 4_000, 12, 3, 0, 1, 7, 2.5, 1_500]],
  })
  return mirror
}

const note = { text: 'live' }

function shown(scene: Partial<Scene> & { mirror: Mirror }, rows = Infinity, columns = 200): string[] {
  const whole = { happenings: undefined, note, scrolled: 0, ...scene }
  return compose(whole, rows).map((line) => draw(line, columns, false))
}

function happening(id: number): Happening {
  return { id, at, kind: 'say', peer: 'a:1', name: `event ${id}`, text: '{}' }
}

t.test('the head sums up, and whoever needs to be looked at stands first', async (t) => {
  const mirror = mirrorOf({ peers: [
    peer('a:1'), peer('b:1', { state: 'left', since: at - 5_000 }), peer('c:1', { state: 'dead', phi: null }),
    peer('d:1', { state: 'suspect', phi: 9.44 }), peer('e:1', { phi: 0.1, metadata: '{"zone":1}' }),
  ] })
  const lines = shown({ mirror })
  t.equal(lines[0], 'a:1  of cluster c  live')
  t.equal(lines[1], 'peers  2 alive  1 suspect  1 dead  1 left   phi at most 9.4   10 keys, 1.5 kB')
  t.equal(lines[2], 'sends  news 1.0 kB/s  repair 200 B/s  liveness 300 B/s  calls 4.0 kB/s  12 messages/s  █')
  t.equal(lines[3], 'hears  7 keys/s, half of them after 2.5 ms, 99 % after 1.5 s')
  t.strictSame(lines.slice(6).map((line) => line.split(/\s+/).slice(0, 2)), [
    ['d:1', 'suspect'], ['c:1', 'dead'], ['a:1', '*'], ['e:1', 'alive'], ['b:1', 'left'],
  ])
  t.match(lines[6], /d:1 +suspect +1m +9\.4 +2 +300 B/)
  t.match(lines[9], /\{"zone":1\}$/)
})

t.test('services are summed up over their workers; apps in trouble come first; verdicts are shown', async (t) => {
  const mirror = mirrorOf({
    peers: [peer('a:1')],
    workers: [worker('s', 'a:1'), worker('s', 'b:1', { p99: 70, errors: 1.25 }), worker('old', 'c:1', {
      running: null, waiting: null, calls: null, errors: null, refused: null, p50: null, p99: null,
    })],
    apps: [
      { key: 'a:1 x/y', app: 'x/y', peer: 'a:1', isWanted: true, state: 'running', version: null, error: '' },
      { key: 'b:1 x/y', app: 'x/y', peer: 'b:1', isWanted: true, state: 'failed', version: null, error: 'no file' },
    ],
    rumours: [
      { key: '1', by: 'b:1', about: 'c:1', verdict: 'suspect', at: at - 2_000, stands: true },
      { key: '2', by: 'b:1', about: 'd:1', verdict: 'dead', at: at - 2_000, stands: false },
    ],
  })
  const text = shown({ mirror }).join('\n')
  t.match(text, /\ns +2 +4 +2 +8 +20\.0 +1\.3 +0 +2\.0 ms +70 ms\n/)
  t.match(text, /\nold +1 +0 +0 +4 +0 +0 +0\n/)
  t.match(text, /APP .*\nx\/y +b:1 +failed +no file\nx\/y +a:1 +running\n/)
  t.match(text, /\nb:1 +suspect +c:1 +2s$/)
  t.notMatch(text, /d:1/)
})

t.test('however much there is to show, it has the rows and columns that there are', async () => {
  const hostile = '\u001b[2J\u202e漢字\n\r\u0000'
  fc.assert(fc.property(
    fc.nat(60), fc.nat(20), fc.nat(20), fc.nat(20), fc.nat(100), fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 1, max: 120 }), fc.nat(80), (peers, services, apps, rumours, events, rows, columns, scrolled) => {
      const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
      const mirror = mirrorOf({
        peers: many(peers, (i) => peer(`${hostile}${i}`, { metadata: hostile })),
        workers: many(services, (i) => worker(`${hostile}${i}`, hostile, { load: hostile })),
        apps: many(apps, (i) => ({
          key: String(i), app: hostile, peer: hostile, isWanted: true, state: hostile, version: null, error: hostile,
        })),
        rumours: many(rumours, (i) => ({
          key: String(i), by: hostile, about: hostile, verdict: 'dead' as const, at, stands: true,
        })),
      })
      const happenings = many(events, (i) => ({ ...happening(i), peer: hostile, name: hostile, text: hostile }))
      const lines = shown({ mirror, happenings, scrolled }, rows, columns)
      if (lines.length > rows) throw new Error(`${lines.length} lines in ${rows}`)
      // eslint-disable-next-line no-control-regex
      if (lines.some((line) => /[\u0000-\u001f\u202e]/.test(line))) throw new Error('control characters')
    },
  ), { numRuns: 200 })
})

t.test('what does not fit is said, can be scrolled to, and leaves room for what happens', async (t) => {
  const mirror = mirrorOf({
    peers: Array.from({ length: 100 }, (_, i) => peer(`p${String(i).padStart(2, '0')}:1`)),
    workers: [worker('s', 'p00:1')],
  })
  const happenings = Array.from({ length: 50 }, (_, i) => happening(i))
  const lines = shown({ mirror, happenings }, 30)
  t.equal(lines.length, 30)
  t.match(lines.join('\n'), /p00:1/)
  t.match(lines.join('\n'), /… \d+ more\n/)
  t.match(lines.join('\n'), /\ns +1 /)
  t.match(lines.at(-1), /event 49 +\{\}$/)
  const scrolled = shown({ mirror, happenings, scrolled: 99 }, 30).join('\n')
  t.match(scrolled, /p99:1/)
  t.match(scrolled, /… \d+ more, \d+ of them above/)
  const small = shown({ mirror, happenings }, 14).join('\n')
  t.match(small, /SERVICE/)
})

t.test('bytes are short', async (t) => {
  const values = [0, 999, 1_000, 1_234, 99_949, 99_950, 999_499, 999_500, 12_345_678, 1e15]
  t.strictSame(values.map(bytesOf), [
    '0 B', '999 B', '1.0 kB', '1.2 kB', '99.9 kB', '100 kB', '999 kB', '1.0 MB', '12.3 MB', '1000 TB',
  ])
})
