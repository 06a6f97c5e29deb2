/**
 * NATS JetStream. Jobs are messages of a work queue stream, each under a subject of its own; a pull consumer for each
 * service gives them to whoever asks, as many as it has room for. What the server does not do is done with further
 * streams, of which the last message of a subject counts:
 *
 * ```
 * <name>.job.<service>.<token>     a job, until it is acknowledged
 * <name>.dead.<service>.<token>    a dead letter: its outcome and the job
 * <name>.outcome.<token>           for a time          <name>.fading.<id>.<n>   pieces of a large result, as long
 * <name>.told.<token>.…            either of them, not kept: published by the server when it has stored it
 * <name>.blob.<id>.<n>             pieces of a large input
 * <name>.hops.<seq>                how often that message was given back without having been tried; its last attempt
 * <name>.lease.<peer>.<life>.<n>   what a process holds, in pieces, in memory
 * <name>.started                   the last job that there was when the server started, in memory
 * <name>.life.<life>               answered by the thread of that process, as long as it lives
 * ```
 *
 * Leases: what is held is extended every quarter of `ackWaitMs`, from this engine's thread. When membership says that a
 * peer is dead, the others ask for its thread. The server knows at once if nobody is there to answer; then one of them,
 * and only one, gives back in its name what it held. So a blocked peer keeps its jobs, and a killed one does not have
 * them for `ackWaitMs` more. Whatever comes again is marked as doubtful: the server cannot tell a lost process from a
 * lost connection. So is what was there when the server started: if it was killed, it may not know whom it gave it.
 */
import { createHash, randomBytes } from 'node:crypto'
import createDebug from 'debug'
import type { ConsumerInfo, JetStreamManager, StoredMsg, StreamConfig } from '@nats-io/jetstream'
import type { Msg, MsgHdrs, NatsConnection, NodeConnectionOptions, RequestError } from '@nats-io/transport-node'
import { TelepathineError } from '../gossip/errors.js'
import type { DeadLetter, Delivery, Depth, Engine, EngineSettings, Look, NewJob, Taker } from './engine.js'
import { Lease } from './jetstream/lease.js'
import { nanos, Puller } from './jetstream/puller.js'
import { Requests } from './jetstream/requests.js'
import { messageOf } from './message.js'
import { joined, parted } from './pair.js'
import { settled } from './settled.js'
import { watching } from './watching.js'

const log = createDebug('telepathine:queue')

/**
 * How long the server waits for a sign of life of a job. What a process took that was killed before it could tell what
 * it holds is given to others so late; that it is doubted keeps them from it if that process lives after all.
 */
const ackWaitMs = 10_000
/** How many signs of life it is given in that time. */
const signs = 4
/** How long the server has to answer in all, tries and tries again included. */
const askMs = 10_000
const tryMs = 3_000
const againMs = 100
/** For ever: a server that refuses may be one that has not been told yet whom to let in. */
const patience = {
  maxReconnectAttempts: -1, reconnectTimeWait: 250, ignoreAuthErrorAbort: true, timeout: askMs, pingInterval: 5_000,
}
/** How soon it is told at the latest what is held. */
const leaseMs = 50
/** What was taken is told the sooner the less there is to tell: for so many that are held it is a millisecond later. */
const heldPerMs = 8
/** How soon it is asked again whether a thread that answered, or did not, is gone. */
const pingAgainMs = 3_000
const pieceBytes = 256 << 10
/** Longer than any delay: it is removed when the job is done, unless whoever is at it is lost just then. */
const hopsKeptMs = 400 * 86_400_000
/** For so long an outcome is kept at least, so that a job that comes again is known to be done. */
const outcomeMsMin = 6 * ackWaitMs
const leasesKeptMs = 86_400_000
/** Codes of the server's errors. */
const wrongSequence = 10_071
const notFound = 10_037
const noStream = 10_059
/** What it says of a message that is to be deleted, and is not there. */
const absent: ReadonlySet<unknown> = new Set([notFound, 10_043, 10_057])
const nothing = new Uint8Array(0)
/** A message is stored only if the last one of its subject is that one; 0: if there is none. */
const expectedHeader = 'Nats-Expected-Last-Subject-Sequence'

interface Held extends Delivery {
  /** Where it is acknowledged. */
  readonly reply: string
  readonly sequence: number
  readonly puller: Puller
  isDoubtful: boolean
  /** How often it was given back without having been tried, and which attempt failed last. */
  hops: number
  tried: number
}

/** What the server says about a message that it was to store. */
interface PublishAnswer {
  readonly error?: { readonly err_code: number; readonly description: string }
}

type NewStream = Partial<StreamConfig> & { name: string; subjects: string[] }

/** A message of a stream. */
interface Kept {
  readonly data: Uint8Array
  readonly headers: MsgHdrs
  readonly subject: string
  readonly seq: number
}

/**
 * Opens it: `nats://[user:password@]host:port[,host:port]…[?replicas=3]`.
 *
 * @param lost told that the client has given up the connection for good: nothing can be done with the engine then
 */
export async function open(
  url: string, settings: EngineSettings, lost: (why: Error) => void = () => undefined,
): Promise<Engine> {
  const [{ connect, headers }, { jetstreamManager }] = await Promise.all([
    import('@nats-io/transport-node'), import('@nats-io/jetstream'),
  ])
  const { options, replicas } = optionsOf(url)
  let nc: NatsConnection | undefined
  try {
    nc = await connect({ ...options, ...patience, noAsyncTraces: true })
    const jsm = await jetstreamManager(nc, { timeout: tryMs })
    const engine = new JetStreamEngine(nc, jsm, headers, settings)
    await engine.prepare(replicas)
    engine.onLost(lost)
    return engine
  } catch (cause) {
    await nc?.close()
    const where = url.replace(/\/\/[^/?]*@/, '//')
    throw new TelepathineError('ERR_QUEUE', `JetStream at ${where} cannot be used: ${messageOf(cause)}`, { cause })
  }
}

/** See above. @internal */
export class JetStreamEngine implements Engine {
  readonly priorityMax = 0
  readonly #nc: NatsConnection
  readonly #jsm: JetStreamManager
  readonly #requests: Requests
  readonly #newHeaders: () => MsgHdrs
  readonly #name: string
  readonly #keepMs: number
  readonly #life = randomBytes(9).toString('base64url')
  readonly #pullers = new Set<Puller>()
  readonly #held = new Map<number, Held>()
  readonly #lease = new Lease()
  /** Who watches for an outcome: one may have come while the connection was away. */
  readonly #looks = new Set<Look>()
  /** Services whose consumer is there. */
  readonly #consumers = new Map<string, Promise<string>>()
  /** Pieces of leases whose lives are being asked after, with how. */
  readonly #suspects = new Map<string, NodeJS.Timeout | undefined>()
  readonly #extension: NodeJS.Timeout
  /** Up to which job the server may have forgotten that somebody was given it. */
  #forgotten: Promise<number> = Promise.resolve(Infinity)
  #peer = ''
  #ids = 0
  #telling: NodeJS.Timeout | undefined
  /** When it is told next what is held. */
  #leaseDueAt = Infinity
  /** The stream in memory, which a server without replicas forgets when it ends. */
  #leases: NewStream | undefined
  #isReplicated = false
  #isClosed = false

  constructor(
    nc: NatsConnection, jsm: JetStreamManager, newHeaders: () => MsgHdrs, { name, keepMs }: EngineSettings,
  ) {
    this.#newHeaders = newHeaders
    this.#nc = nc
    this.#jsm = jsm
    this.#requests = new Requests(nc, tryMs)
    this.#name = name
    this.#keepMs = keepMs
    this.#extension = setInterval(() => this.#extend(), ackWaitMs / signs)
    nc.subscribe(`${name}.life.${this.#life}`, { callback: (_, { reply }) => this.#say(reply ?? '', '') })
    void this.#watchConnection()
  }

  /** Makes the streams that are not there; those that are stay as their operator wants them. */
  async prepare(replicas: number): Promise<void> {
    const { RetentionPolicy, StorageType, DiscardPolicy } = await import('@nats-io/jetstream')
    const common = { num_replicas: replicas, allow_direct: true, discard: DiscardPolicy.New }
    const last = { ...common, max_msgs_per_subject: 1, discard: DiscardPolicy.Old }
    // told of when it is stored, and not before: whoever waits looks for it, and hears of what was not there
    const told = (src: string, ...dest: string[]) => ({ republish: { src, dest: this.#subject('told', ...dest) } })
    const [dead, outcome] = [this.#subject('dead', '*', '*'), this.#subject('outcome', '*')]
    const streams: NewStream[] = [
      { ...common, name: this.#stream('jobs'), subjects: [this.#subject('job', '*', '*')],
        retention: RetentionPolicy.Workqueue },
      { ...last, name: this.#stream('dead'), subjects: [dead], ...told(dead, '{{wildcard(2)}}', '{{wildcard(1)}}') },
      { ...last, name: this.#stream('outcomes'), subjects: [outcome, this.#subject('fading', '*', '*')],
        max_age: nanos(Math.max(this.#keepMs, outcomeMsMin)), duplicate_window: nanos(1_000),
        ...told(outcome, '{{wildcard(1)}}', 'done') },
      { ...last, name: this.#stream('blobs'), subjects: [this.#subject('blob', '*', '*')] },
      { ...last, name: this.#stream('hops'), subjects: [this.#subject('hops', '*')], max_age: nanos(hopsKeptMs) },
    ]
    this.#leases = {
      ...last, name: this.#stream('leases'),
      subjects: [this.#subject('lease', '*', '*', '*'), this.#subject('started')],
      storage: StorageType.Memory, max_age: nanos(leasesKeptMs),
    }
    for (const stream of streams) await this.#ask(() => this.#makeStream(stream))
    this.#forgotten = this.#lookForgotten()
  }

  /** Has it told that the client has given up the connection. */
  onLost(lost: (why: Error) => void): void {
    void this.#nc.closed().then((cause) => {
      if (!this.#isClosed) lost(new Error('the connection to JetStream was given up', { cause }))
    })
  }

  async #makeStream(stream: NewStream): Promise<void> {
    const { name, republish } = stream
    const { config } = await this.#jsm.streams.info(name).catch((error: unknown) => {
      if (codeOf(error) === noStream) return this.#jsm.streams.add(stream)
      throw error
    })
    this.#isReplicated ||= config.num_replicas > 1
    if (republish === undefined || config.republish?.dest === republish.dest) return
    throw new TelepathineError('ERR_QUEUE', `stream ${name} has to republish ${republish.src} to ${republish.dest}`)
  }

  async join(peer: string): Promise<void> {
    if (this.#peer === peer) return
    this.#peer = peer
    this.#tellLease()
    await this.#suspect(this.#subject('lease', '>'))
  }

  async add({ token, service, bytes, delayMs, isKeyed }: NewJob): Promise<void> {
    await this.#consumer(service)
    const headers = {
      ...(isKeyed && { Keyed: '1' }),
      ...(delayMs > 0 && { Due: String(Date.now() + delayMs) }),
    }
    const subject = this.#subject('job', encodeName(service), token)
    // one that is known by its key must not be stored again: not while it waits or runs, nor when it is done
    if (isKeyed && (await this.outcome(token)) !== undefined) return
    await this.#publish(subject, bytes, headers, isKeyed ? { lastSubjectSequence: 0 } : { id: token })
  }

  async take(service: string, room: number, deliver: (delivery: Delivery) => void): Promise<Taker> {
    const consumer = await this.#consumer(service)
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#stream('jobs')}.${consumer}`
    const puller: Puller = new Puller(this.#nc, subject, room, (message) => {
      void this.#arrived(message, service, puller, deliver)
    })
    this.#pullers.add(puller)
    return {
      stop: async () => {
        await puller.stop()
        this.#pullers.delete(puller)
      },
    }
  }

  async isCurrent(delivery: Delivery): Promise<boolean> {
    const held = this.#held.get(delivery.id)
    if (held === undefined) return false
    if (await this.#isThere(held)) return true
    this.#settle(held)
    return false
  }

  async finish(delivery: Delivery, outcome: Uint8Array): Promise<void> {
    const held = this.#held.get(delivery.id)
    if (held === undefined) return
    if (!(await this.#isSettled(held))) await this.#publish(this.#subject('outcome', held.token), outcome)
    this.#settle(held)
  }

  async putBack(delivery: Delivery, delayMs: number, isCounted: boolean): Promise<void> {
    const held = this.#held.get(delivery.id)
    if (held === undefined) return
    if (isCounted) held.tried = delivery.attempt
    else held.hops++
    await this.#publish(this.#subject('hops', String(held.sequence)), Buffer.from(`${held.hops} ${held.tried}`))
    this.#acknowledge(held, `-NAK {"delay":${nanos(delayMs)}}`)
    // unless it hears of that, it delivers it again when it has heard nothing for a while
    await settled(this.#nc.flush(), tryMs)
  }

  async bury(delivery: Delivery, outcome: Uint8Array): Promise<void> {
    const held = this.#held.get(delivery.id)
    if (held === undefined) return
    if (!(await this.#isSettled(held))) {
      const subject = this.#subject('dead', encodeName(held.service), held.token)
      await this.#publish(subject, joined(outcome, held.bytes), { Job: String(held.sequence) })
    }
    this.#settle(held)
  }

  async outcome(token: string): Promise<Uint8Array | undefined> {
    const [known, letter] = await Promise.all([
      this.#last('outcomes', this.#subject('outcome', token)),
      this.#last('dead', this.#subject('dead', '*', token)),
    ])
    return known === undefined ? letter && parted(letter.data)?.[0] : known.data
  }

  watch(token: string, look: Look): Promise<() => void> {
    // told of when it is stored: what is not found after this is told of after this
    const watch = this.#nc.subscribe(this.#subject('told', token, '*'), {
      callback: (_, { data, headers }) => {
        const isDead = headers?.get('Nats-Stream') === this.#stream('dead')
        look(isDead ? parted(data)?.[0] : data)
      },
    })
    this.#looks.add(look)
    const end = (): void => {
      this.#looks.delete(look)
      watch.unsubscribe()
    }
    return watching(end, this.outcome(token), look)
  }

  async dead(service: string, limit: number): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = []
    const subject = this.#subject('dead', encodeName(service), '*')
    for (let seq = 1; letters.length < limit;) {
      const next = await this.#get('dead', { seq, next_by_subj: subject })
      if (next === undefined) break
      const parts = parted(next.data)
      const token = next.subject.split('.').at(-1) as string
      if (parts !== undefined) letters.push({ token, service, bytes: parts[1], outcome: parts[0] })
      seq = next.seq + 1
    }
    return letters
  }

  async revive(token: string): Promise<boolean> {
    const letter = await this.#last('dead', this.#subject('dead', '*', token))
    const parts = letter && parted(letter.data)
    if (letter === undefined || parts === undefined) return false
    const service = letter.subject.split('.').at(-2) as string
    const subject = this.#subject('job', service, token)
    // of whoever was lost before it acknowledged what it buried: that copy has had its attempts, and may go any time
    const [copy, known] = await Promise.all([
      this.#last('jobs', subject), this.#last('outcomes', this.#subject('outcome', token)),
    ])
    if (copy !== undefined && copy.seq === Number(letter.headers.get('Job'))) await this.#remove('jobs', copy.seq)
    // it would be taken for done by whoever doubts it
    if (known !== undefined) await this.#remove('outcomes', known.seq)
    await this.#publish(subject, parts[1], {}, { lastSubjectSequence: 0 })
    // it may be gone by now: if it was tried and buried again
    await this.#remove('dead', letter.seq)
    return true
  }

  async discard(token: string, outcome: Uint8Array): Promise<boolean> {
    const letter = await this.#last('dead', this.#subject('dead', '*', token))
    if (letter === undefined) return false
    await this.#publish(this.#subject('outcome', token), outcome)
    return this.#remove('dead', letter.seq)
  }

  async depths(): Promise<Depth[]> {
    const [jobs, tallies] = await Promise.all([this.#consumersOf('jobs'), this.#consumersOf('dead')])
    const counted = new Map(tallies.map((tally) => [tally.name, tally]))
    return Promise.all(jobs.map(async ({ name, config, num_pending: waiting, num_ack_pending: running }) => {
      const service = decodeName(config.description ?? '')
      const { num_pending: dead } = counted.get(name) ?? (await this.#countDead(name, service))
      return { service, waiting, delayed: undefined, running, dead }
    }))
  }

  async putBlob(id: string, bytes: Uint8Array, fades: boolean): Promise<void> {
    const count = Math.max(1, Math.ceil(bytes.length / pieceBytes))
    for (let at = count - 1; at >= 0; at--) {
      const piece = bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes)
      // the first one is written last: if it is there, all are
      await this.#publish(this.#subject(fades ? 'fading' : 'blob', id, String(at)), piece, { Count: String(count) })
    }
  }

  async blob(id: string): Promise<Uint8Array | undefined> {
    for (const [stream, kind] of [['blobs', 'blob'], ['outcomes', 'fading']] as const) {
      const pieces: Uint8Array[] = []
      for (let at = 0, count = 1; at < count; at++) {
        const piece = await this.#last(stream, this.#subject(kind, id, String(at)))
        if (piece === undefined) break
        count = Number(piece.headers.get('Count'))
        pieces.push(piece.data)
        if (at === count - 1) return Buffer.concat(pieces)
      }
    }
    return undefined
  }

  async dropBlob(id: string): Promise<void> {
    await this.#ask(() => this.#jsm.streams.purge(this.#stream('blobs'), { filter: this.#subject('blob', id, '*') }))
  }

  lost(peer: string): void {
    this.#suspect(this.#subject('lease', encodeName(peer), '>')).catch((error: unknown) => log('%s: %O', peer, error))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#extension)
    clearTimeout(this.#telling)
    for (const timer of this.#suspects.values()) clearTimeout(timer)
    await Promise.all([...this.#pullers].map((puller) => puller.stop()))
    for (const { id, reply } of this.#held.values()) {
      this.#say(reply, '-NAK')
      this.#lease.delete(id)
    }
    if (this.#peer !== '') this.#tellLease()
    await settled(this.#nc.drain(), tryMs)
    await this.#nc.close()
    this.#requests.close()
  }

  // ---- deliveries

  /** A job came in; it is held, and looked into as often as it takes. Never rejects. */
  async #arrived(message: Msg, service: string, puller: Puller, deliver: (delivery: Delivery) => void): Promise<void> {
    const { reply = '', headers, data } = message
    const { delivered, sequence } = infoOf(reply)
    const token = message.subject.split('.').at(-1) as string
    const id = ++this.#ids
    const held: Held = {
      id, token, service, bytes: data, attempt: delivered, isDoubtful: delivered > 1, reply, sequence, puller,
      hops: 0, tried: 0,
    }
    this.#held.set(id, held)
    this.#lease.add(id, reply)
    this.#leaseChanged(Math.min(this.#held.size / heldPerMs, leaseMs))
    while (this.#held.has(id) && !this.#isClosed) {
      try {
        return await this.#sort(held, headers, deliver)
      } catch (error) {
        log('%s: %O', message.subject, error)
      }
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
  }

  /** Gives a job to its taker, unless it comes too early, or is known to be done. */
  async #sort(held: Held, headers: MsgHdrs | undefined, deliver: (delivery: Delivery) => void): Promise<void> {
    const { id, token, service, bytes, sequence } = held
    held.isDoubtful ||= sequence <= await this.#forgotten
    const { isDoubtful } = held
    if (isDoubtful) [held.hops, held.tried] = await this.#hopsOf(sequence)
    const dueAt = Number(headers?.get('Due') || 0)
    if (dueAt > Date.now()) return this.putBack(held, dueAt - Date.now(), false)
    // two who enqueued it at a time may both have found that it was not there
    const isKeyed = headers?.get('Keyed') === '1'
    if (isKeyed && (await this.outcome(token)) !== undefined) return this.#settle(held)
    const attempt = Math.max(1, held.attempt - held.hops, held.tried + 1)
    deliver({ id, token, service, bytes, attempt, isDoubtful })
  }

  /** Whether it is the job itself, which is in the stream until somebody acknowledges it. */
  async #isThere({ service, token, sequence }: Held): Promise<boolean> {
    const last = await this.#last('jobs', this.#subject('job', encodeName(service), token))
    return last?.seq === sequence
  }

  /**
   * Whether something came of it already, which stays as it is; or it is not the job any more. What came of it may be
   * that it is dead: an outcome beside its dead letter would be there still when it is revived.
   */
  async #isSettled(held: Held): Promise<boolean> {
    if (!held.isDoubtful) return false
    return !(await this.#isThere(held)) || (await this.outcome(held.token)) !== undefined
  }

  /** It is no job any more. */
  #settle(held: Held): void {
    this.#acknowledge(held, '+ACK')
    if (held.hops + held.tried === 0) return
    const filter = this.#subject('hops', String(held.sequence))
    this.#jsm.streams.purge(this.#stream('hops'), { filter }).catch((error: unknown) => log('%s: %O', filter, error))
  }

  #acknowledge(held: Held, what: string): void {
    this.#say(held.reply, what)
    if (!this.#held.delete(held.id)) return
    this.#lease.delete(held.id)
    held.puller.free()
    this.#leaseChanged()
  }

  /** What is written down of a job that was given back; see {@link Held}. */
  async #hopsOf(sequence: number): Promise<[hops: number, tried: number]> {
    const written = await this.#last('hops', this.#subject('hops', String(sequence)))
    const text = written === undefined ? '0 0' : new TextDecoder().decode(written.data)
    const [hops = 0, tried = 0] = text.split(' ').map(Number)
    return [hops, tried]
  }

  /** The consumer of a service, which is made if it is not there. */
  #consumer(service: string): Promise<string> {
    let made = this.#consumers.get(service)
    if (made === undefined) {
      made = this.#makeConsumer(service)
      this.#consumers.set(service, made)
      made.catch(() => this.#consumers.delete(service))
    }
    return made
  }

  #consumersOf(stream: string): Promise<ConsumerInfo[]> {
    return this.#ask(async () => {
      const all: ConsumerInfo[] = []
      for await (const info of this.#jsm.consumers.list(this.#stream(stream))) all.push(info)
      return all
    })
  }

  /** Has the server count the dead letters of a service: as what a consumer would get that never asks for any. */
  async #countDead(name: string, service: string): Promise<ConsumerInfo> {
    const { AckPolicy, DeliverPolicy } = await import('@nats-io/jetstream')
    return this.#ask(() => this.#jsm.consumers.add(this.#stream('dead'), {
      durable_name: name,
      filter_subject: this.#subject('dead', encodeName(service), '*'),
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
    }))
  }

  async #makeConsumer(service: string): Promise<string> {
    const { AckPolicy, DeliverPolicy } = await import('@nats-io/jetstream')
    const name = createHash('sha256').update(service).digest('hex').slice(0, 32)
    const stream = this.#stream('jobs')
    await this.#ask(() => this.#jsm.consumers.info(stream, name).catch((error: unknown) => {
      if (codeOf(error) !== 10_014) throw error
      return this.#jsm.consumers.add(stream, {
        durable_name: name,
        description: encodeName(service),
        filter_subject: this.#subject('job', encodeName(service), '*'),
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: nanos(ackWaitMs),
        max_deliver: -1,
        // what is put back for later counts among those: with a bound, it would hold up all others
        max_ack_pending: -1,
        max_waiting: 8_192,
      })
    }))
    return name
  }

  // ---- leases

  #extend(): void {
    for (const { reply } of this.#held.values()) this.#say(reply, '+WPI')
  }

  #leaseChanged(withinMs = leaseMs): void {
    if (this.#peer === '' || this.#isClosed) return
    const dueAt = performance.now() + withinMs
    if (dueAt >= this.#leaseDueAt) return
    clearTimeout(this.#telling)
    this.#leaseDueAt = dueAt
    this.#telling = setTimeout(() => this.#tellLease(), withinMs)
  }

  #tellLease(): void {
    this.#leaseDueAt = Infinity
    const subject = this.#subject('lease', encodeName(this.#peer), this.#life)
    for (const [piece, text] of this.#lease.changes()) this.#say(`${subject}.${piece}`, text)
  }

  /** It may be that nobody remembers what was told. */
  #tellLeaseAnew(): void {
    this.#lease.changed()
    this.#leaseChanged()
  }

  /** Looks who holds something, and whether they are there. */
  async #suspect(subjects: string): Promise<void> {
    const stream = this.#stream('leases')
    const info = await this.#ask(() => this.#jsm.streams.info(stream, { subjects_filter: subjects }).catch(unlessNone))
    for (const subject of Object.keys(info?.state.subjects ?? {})) {
      const life = subject.split('.').at(-2) as string
      if (life === this.#life || this.#suspects.has(subject)) continue
      this.#suspects.set(subject, undefined)
      void this.#ping(subject, life)
    }
  }

  /** Gives back what a process held, if it is gone; until that is certain it is asked again. */
  async #ping(subject: string, life: string): Promise<void> {
    try {
      const message = await this.#last('leases', subject)
      if (message === undefined || message.data.length === 0) return void this.#suspects.delete(subject)
      if (await this.#isGone(life)) {
        this.#suspects.delete(subject)
        return await this.#takeBack(subject, message)
      }
    } catch (error) {
      log('%s: %O', life, error)
    }
    if (this.#isClosed) return
    this.#suspects.set(subject, setTimeout(() => void this.#ping(subject, life), pingAgainMs))
  }

  async #isGone(life: string): Promise<boolean> {
    try {
      await this.#nc.request(this.#subject('life', life), undefined, { timeout: tryMs })
      return false
    } catch (error) {
      return isNobodyThere(error)
    }
  }

  async #takeBack(subject: string, { seq, data }: Kept): Promise<void> {
    try {
      // of all that notice, one gets to do it
      await this.#store(subject, nothing, { [expectedHeader]: String(seq) })
    } catch (error) {
      if (codeOf(error) === wrongSequence) return
      throw error
    }
    for (const reply of new TextDecoder().decode(data).split('\n')) {
      if (reply.startsWith('$JS.ACK.')) this.#say(reply, '-NAK')
    }
  }

  // ---- the server

  /**
   * The last job that was there when the server started. A server that was killed forgets what it did not yet write
   * down: who was given which job, and which was acknowledged. The first to find that its memory is empty, too, writes
   * there how far that goes.
   */
  async #lookForgotten(): Promise<number> {
    const subject = this.#subject('started')
    const leases = this.#leases
    try {
      if (leases !== undefined) await this.#ask(() => this.#makeStream(leases))
      this.#tellLeaseAnew()
      for (;;) {
        const known = await this.#last('leases', subject)
        if (known !== undefined) return Number(new TextDecoder().decode(known.data))
        const { state } = await this.#ask(() => this.#jsm.streams.info(this.#stream('jobs')))
        await this.#publish(subject, Buffer.from(String(state.last_seq)), {}, { lastSubjectSequence: 0 })
      }
    } catch (error) {
      // all is doubted, then
      log('%O', error)
      return Infinity
    }
  }

  async #watchConnection(): Promise<void> {
    let know: (forgotten: Promise<number>) => void = () => undefined
    for await (const { type } of this.#nc.status()) {
      if (type === 'disconnect') this.#forgotten = new Promise((resolve) => (know = resolve))
      if (type !== 'reconnect') continue
      know(this.#lookForgotten())
      for (const puller of this.#pullers) puller.restart()
      for (const look of this.#looks) look()
      this.#extend()
      this.#tellLeaseAnew()
    }
  }

  /** Says what nobody answers, and what is of no use once the connection is gone. Never throws. */
  #say(subject: string, what: string): void {
    try {
      this.#nc.publish(subject, what)
    } catch {
      // it is closed, or about to be
    }
  }

  /** Publishes, and waits until it is stored. */
  async #publish(
    subject: string, bytes: Uint8Array, headers: Readonly<Record<string, string>> = {},
    how: { lastSubjectSequence?: number; id?: string } = {},
  ): Promise<void> {
    const { lastSubjectSequence, id } = how
    const given = {
      ...headers,
      ...(lastSubjectSequence !== undefined && { [expectedHeader]: String(lastSubjectSequence) }),
      ...(id !== undefined && { 'Nats-Msg-Id': id }),
    }
    await this.#ask(() => this.#store(subject, bytes, given).catch((error: unknown) => {
      // it is there already: because it is known, or because an earlier try was stored after all
      if (lastSubjectSequence === undefined || codeOf(error) !== wrongSequence) throw error
    }))
  }

  async #store(subject: string, bytes: Uint8Array, headers: Readonly<Record<string, string>>): Promise<void> {
    const given = Object.keys(headers).length === 0 ? undefined : this.#headersOf(headers)
    const { error } = (await this.#requests.ask(subject, bytes, given)).json<PublishAnswer>()
    if (error !== undefined) throw Object.assign(new Error(error.description), { code: error.err_code })
  }

  #headersOf(headers: Readonly<Record<string, string>>): MsgHdrs {
    const given = this.#newHeaders()
    for (const [name, value] of Object.entries(headers)) given.set(name, value)
    return given
  }

  /** The last message of a subject, which may have wildcards. */
  #last(stream: string, subject: string): Promise<Kept | undefined> {
    const name = this.#stream(stream)
    return this.#ask(async () => {
      // replicas answer direct questions, too, and know of what is new a little later than their leader
      if (this.#isReplicated) return this.#lastAtLeader(name, subject)
      const { data, headers } = await this.#requests.ask(`$JS.API.DIRECT.GET.${name}.${subject}`, nothing)
      if (headers === undefined) throw new Error('the server does not understand')
      if (headers.code === 404) return undefined
      if (headers.code !== 0) throw new Error(`${headers.code} ${headers.description}`)
      return { data, headers, subject: headers.get('Nats-Subject'), seq: Number(headers.get('Nats-Sequence')) }
    })
  }

  async #lastAtLeader(name: string, subject: string): Promise<Kept | undefined> {
    const found = await this.#jsm.streams.getMessage(name, { last_by_subj: subject }).catch((error: unknown) => {
      if (codeOf(error) === notFound) return null
      throw error
    })
    if (found === null) return undefined
    const { data, header, seq } = found
    return { data, headers: header, subject: found.subject, seq }
  }

  #get(
    stream: string, query: { last_by_subj: string } | { seq: number; next_by_subj: string },
  ): Promise<StoredMsg | undefined> {
    return this.#ask(async () => {
      try {
        return (await this.#jsm.direct.getMessage(this.#stream(stream), query)) ?? undefined
      } catch (error) {
        if (codeOf(error) === notFound || codeOf(error) === 404) return undefined
        throw error
      }
    })
  }

  #remove(stream: 'jobs' | 'dead' | 'outcomes', seq: number): Promise<boolean> {
    return this.#ask(async () => {
      try {
        // erased at once: a server that is killed may know again of what it was only told to forget
        return await this.#jsm.streams.deleteMessage(this.#stream(stream), seq, true)
      } catch (error) {
        if (absent.has(codeOf(error))) return false
        throw error
      }
    })
  }

  /** Asks the server, and again while it is away. */
  async #ask<T>(act: () => Promise<T>): Promise<T> {
    const until = Date.now() + askMs
    for (;;) {
      try {
        return await act()
      } catch (cause) {
        if (this.#isClosed || Date.now() > until || isRefusal(cause)) {
          throw new TelepathineError('ERR_QUEUE', `JetStream: ${messageOf(cause)}`, { cause })
        }
        log('%s', messageOf(cause))
      }
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
  }

  #stream(kind: string): string {
    return `${this.#name}_${kind}`
  }

  #subject(...parts: readonly string[]): string {
    return [this.#name, ...parts].join('.')
  }
}

function optionsOf(url: string): { options: NodeConnectionOptions; replicas: number } {
  // a password may have colons, and what else is not written in another way
  const form = /^nats:\/\/(?:([^:/?]+)(?::([^/?]*))?@)?([^/?@]+)\/?(?:\?(.*))?$/
  const [, user, pass, hosts = '', query] = form.exec(url) ?? []
  const replicas = Number(new URLSearchParams(query).get('replicas') ?? 1)
  const auth = user === undefined ? {} : authOf(user, pass)
  if (hosts === '' || auth === undefined || !Number.isInteger(replicas) || replicas < 1 || replicas > 5) {
    const allowed = 'nats://[user:password@]host[:port][,host[:port]]…[?replicas=1..5]'
    throw new TelepathineError('ERR_OPTION', `queue url: allowed is ${allowed}`)
  }
  return { options: { servers: hosts.split(','), ...auth }, replicas }
}

/** Who logs in; undefined for what is not encoded as in a URL. */
function authOf(
  user: string, pass: string | undefined,
): { token: string } | { user: string; pass: string } | undefined {
  try {
    if (pass === undefined) return { token: decodeURIComponent(user) }
    return { user: decodeURIComponent(user), pass: decodeURIComponent(pass) }
  } catch {
    return undefined
  }
}

function infoOf(reply: string): { delivered: number; sequence: number } {
  const tokens = reply.split('.')
  const at = tokens.length === 9 ? 4 : 6
  return { delivered: Number(tokens[at]), sequence: Number(tokens[at + 1]) }
}

/** Any text, as one token of a subject. */
function encodeName(name: string): string {
  return Buffer.from(name).toString('base64url')
}

function decodeName(token: string): string {
  return Buffer.from(token, 'base64url').toString()
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code
}

/** There is no such stream: it was not made yet, or the server forgot it. */
function unlessNone(error: unknown): undefined {
  if (codeOf(error) !== noStream) throw error
}

/** The server understood, and will say the same again. */
function isRefusal(error: unknown): boolean {
  const code = codeOf(error)
  return error instanceof TelepathineError || (typeof code === 'number' && code >= 10_000 && code !== 10_008)
}

function isNobodyThere(error: unknown): boolean {
  return (error as Partial<RequestError> | undefined)?.isNoResponders?.() === true
}
