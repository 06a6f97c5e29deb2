import t from 'tap'
import { defaultConfig } from '../lib/gossip/config.js'
import type { Notice } from '../lib/gossip/effects.js'
import { Kind as RecordKind } from '../lib/gossip/entry.js'
import { Gossip } from '../lib/gossip/gossip.js'
import { Message } from '../lib/gossip/message.js'
import { seededRandom } from '../lib/gossip/random.js'
import { decodeHello, encodeHello } from '../lib/net/hello.js'
import { Stamps, stampBytes } from '../lib/stamps.js'
import { decodeValue, encodeValue } from '../lib/values.js'
import { address, callMessage, frameHead, Kind, lifeOf, replyMessage } from '../lib/work/frame.js'
import { readPage } from './fixtures/markdown.js'

const began = 1_700_000_000_000
const names = ['10.0.0.1:9000', '10.0.0.2:9000'] as const

interface Sent { readonly via: 'datagram' | 'stream', readonly bytes: Buffer }

/** Two peers that meet, and what they send. */
class Pair {
  readonly a = new Gossip(defaultConfig, seededRandom(1))
  readonly b = new Gossip(defaultConfig, seededRandom(2))
  readonly notices: Notice[] = []
  now = 0

  constructor() {
    this.a.start(names[0], began, this.now)
    this.b.start(names[1], began + 1, this.now)
    this.b.join(names[0])
  }

  /** Lets both act, until neither has more to say; gives what was sent. */
  settle(): Sent[] {
    const sent: Sent[] = []
    for (let before = -1; before < sent.length; ) {
      before = sent.length
      for (const [from, to, name] of [[this.a, this.b, names[0]], [this.b, this.a, names[1]]] as const) {
        from.tick(this.now)
        const { sends, notices } = from.drain()
        if (from === this.b) this.notices.push(...notices)
        for (const { via, parts } of sends) {
          const bytes = Buffer.concat(parts)
          sent.push({ via, bytes })
          to.receive(bytes, via, name, this.now)
        }
      }
    }
    return sent
  }

  /** Lets time pass; gives what was sent. */
  pass(ms: number): Sent[] {
    const sent: Sent[] = []
    for (const until = this.now + ms; this.now < until; this.now += 10) sent.push(...this.settle())
    return sent
  }
}

function stamped(value: unknown): Uint8Array {
  const bytes = Uint8Array.from(encodeValue(value, 1_000, stampBytes))
  new Stamps(() => began).write(bytes)
  return bytes
}

/** The bytes that stand at the beginning of each line, as far as two blanks or a word. */
const shown = readPage('ALGORITHM.md').blocks.filter(({ language }) => language === 'hex').map(({ code }) => {
  const begins = code.split('\n').map(line => /^(?:[\da-f]{2,} )*[\da-f]{2,}(?= )/.exec(line)?.[0] ?? '')
  return begins.join('').replaceAll(' ', '')
})

t.test('the messages in ALGORITHM.md are those that peers send', async t => {
  const pair = new Pair()
  const [digest, delta] = pair.pass(20)
  const [heartbeat] = pair.pass(20).filter(({ bytes }) => bytes[2] === 1)
  pair.a.set('load', stamped(0.25), undefined, pair.now)
  const [set] = pair.settle()
  pair.a.say('hi', stamped('you'), 20_000, false, pair.now)
  const [say] = pair.settle()
  const sent = [digest, delta, set, say, heartbeat]
  t.strictSame(sent.map(message => message?.via), ['stream', 'stream', 'datagram', 'datagram', 'datagram'])
  for (const [i, message] of sent.entries()) t.equal(shown[i], message?.bytes.toString('hex'))
})

t.test('whoever is sent the bytes in ALGORITHM.md understands them', async t => {
  const b = new Gossip(defaultConfig, seededRandom(2))
  b.start(names[1], began + 1, 0)
  const [, delta, set, say] = shown.map(hex => Buffer.from(hex, 'hex'))
  b.receive(delta!, 'stream', names[0], 0)
  b.receive(set!, 'datagram', names[0], 0)
  b.receive(say!, 'datagram', names[0], 0)
  const told = b.drain().notices.map(notice => {
    const { kind, peer, key, event, value } = notice as unknown as Record<string, unknown>
    return [kind, peer, key ?? event, value instanceof Uint8Array ? decodeValue(value, stampBytes) : undefined]
  })
  t.strictSame(told.filter(([kind]) => kind === 'set' || kind === 'event'), [
    ['set', names[0], 'load', 0.25], ['event', names[0], 'hi', 'you'],
  ])
})

t.test('the hello in ALGORITHM.md is one', async t => {
  const hello = { instance: '0011223344556677', serial: 1, cluster: 'telepathine', name: names[1] }
  t.equal(shown[5], Buffer.from(encodeHello(hello)).toString('hex'))
  t.strictSame(decodeHello(Buffer.from(shown[5] ?? '', 'hex').subarray(12)), hello)
})

t.test('the call in ALGORITHM.md, and its answer, are what a caller and a worker say', async t => {
  const [a, b] = [lifeOf(began), lifeOf(began + 1)]
  const call = callMessage(0, Buffer.from('wordcount'), undefined, Uint8Array.from(encodeValue('to be', 1_000)))
  address(call, 7, 1, 30_000)
  t.equal(shown[6], Buffer.concat([frameHead(b, a), call]).toString('hex'))
  const output = Uint8Array.from(encodeValue(2, 1_000))
  const reply = replyMessage(Kind.result, 7, { stamp: 1, inflight: 0 }, 0, output.length)
  reply.set(output, reply.length - output.length)
  t.equal(shown[7], Buffer.concat([frameHead(a, b), reply]).toString('hex'))
  t.equal(shown.length, 8, 'and that is all')
})

t.test('the tables in ALGORITHM.md have all kinds of what is said', async t => {
  const { text } = readPage('ALGORITHM.md')
  const between = (from: string, to: string): string => {
    const start = text.indexOf(from)
    return text.slice(start, text.indexOf(to, start))
  }
  const numbers = (table: string): number[] => {
    const cells = [...table.matchAll(/\| (\d+(?:, \d+)*) (?=\|)/g)].flatMap(([, cell]) => cell?.split(', ') ?? [])
    return cells.map(Number).sort((a, b) => a - b)
  }
  t.strictSame(numbers(between('| kind of record', '\n\n')), Object.values(RecordKind).sort((a, b) => a - b))
  t.strictSame(numbers(between('| kind | from the caller', '\n\n')), Object.values(Kind).sort((a, b) => a - b))
  const kinds = between('| 1 | kind:', '\n').match(/\d+ \w+/g)
  t.strictSame(kinds, Object.entries(Message).map(([name, kind]) => `${kind} ${name}`))
})
