/**
 * RabbitMQ, by AMQP 0-9-1 as nanite had it. What must not be lost is in quorum queues, and every publish is confirmed.
 *
 * ```
 * <name>.work.<service>   quorum queue   jobs
 * <name>.later.<ms>       quorum queue   jobs on their way there, in steps of powers of two
 * <name>.dead             quorum queue   dead letters of all services
 * <name>.outcomes         stream         what came of jobs, for a time; every process that asks for some reads along;
 *                                        and which of several copies of a job is the one
 * <name>.blob.<id>        queue          pieces of a large value
 * <name>.key.<token>      queue          which of several jobs with one key is the one: the first to be delivered
 * <name>.turn             queue          belongs to the connection that makes queues just now
 * <queue>                 exchange       of the name of a queue: it is one that the broker will know after a crash
 * ```
 *
 * The broker holds a job for a taker as long as the connection is open, which this engine's thread keeps up whatever
 * the handlers do. It closes it when it has heard nothing for two heartbeats, and a channel that holds a job for longer
 * than its `consumer_timeout`, half an hour unless its operator says otherwise. Whatever comes again after that is
 * marked as doubtful. To put a job back is to publish it anew, and then to acknowledge it. When the broker dies, what
 * was published is there twice if it was stored but not confirmed, or if it was put back and not acknowledged: before a
 * doubtful copy is begun it is claimed in the stream, where all read in the same order who was first.
 */
import { randomBytes } from 'node:crypto'
import createDebug from 'debug'
import type { Channel, ChannelModel, ConsumeMessage, MessagePropertyHeaders, Options } from 'amqplib'
import { TelepathineError } from '../gossip/errors.js'
import type { DeadLetter, Delivery, Depth, Engine, EngineSettings, Look, NewJob, Taker } from './engine.js'
import { Line, type Patience } from './amqp/line.js'
import { claimPrefix, markPrefix, Outcomes } from './amqp/outcomes.js'
import { Turn } from './amqp/turn.js'
import { messageOf } from './message.js'
import { joined, parted } from './pair.js'
import { settled } from './settled.js'
import { watching } from './watching.js'

const log = createDebug('telepathine:queue')

const heartbeatSeconds = 30
/** How long the broker has to answer in all, tries and tries again included. */
const askMsDefault = 15_000
/** As many times that for one try that was begun, as a queue may have to be made; and for one that moves a lot. */
const tryTimes = 4
const transferTimes = 40
/** How long somebody who stops taking waits for the broker. */
const stopMs = 2_000
const againMs = 200
const againMsMax = 2_000
/** Steps of the delay are powers of two from here on; what is left of it in the end is waited for here. */
const stepMsMin = 64
const stepMsMax = 2 ** 30
const pieceBytes = 256 << 10
/** By how much clocks may differ. */
const skewMs = 5_000
/** A quorum queue gives up a message that was returned so often; it must never. */
const never = 1_000_000_000
/** How long nothing comes, at most, for somebody who looks through a queue, while others do. */
const turnMs = 15_000
/** How long a mark is left for whom it is; the clocks of all who look differ by less. */
const marksKeptSeconds = 600

/** What the names of messages begin with that say that a job was put back. */
const overPrefix = 'over '

/** What is known of a job beside its bytes. */
interface Head {
  readonly attempt: number
  /** Of this job and no other, even under the same key. */
  readonly copy: string
  /** How often it was put back. */
  readonly serial: number
  readonly isKeyed: boolean
  /** Unix time, milliseconds. */
  readonly dueAt: number
}

interface Held extends Delivery {
  readonly head: Head
  /** Of this message. */
  readonly mark: string
  readonly message: ConsumeMessage
  readonly channel: Channel
  readonly taker: BrokerTaker
  /** Whether it is known to be the one of its key. */
  isClaimed: boolean
}

interface BrokerTaker {
  readonly service: string
  readonly room: number
  readonly deliver: (delivery: Delivery) => void
  channel: Channel | undefined
  tag: string
  isStopped: boolean
}

/** Makes a connection, whose socket is destroyed when `signal` says so. */
export type Connect = (signal: AbortSignal) => Promise<ChannelModel>

/**
 * Opens it: `amqp://[user:password@]host[:port][/vhost]`.
 *
 * @param askMs how long the broker has to answer, milliseconds
 */
export async function open(url: string, settings: EngineSettings, askMs = askMsDefault): Promise<Engine> {
  const amqp = await import('amqplib')
  const { where, user, password } = addressOf(url)
  if (!where.searchParams.has('heartbeat')) where.searchParams.set('heartbeat', String(heartbeatSeconds))
  const socket = {
    clientProperties: { connection_name: 'telepathine' },
    // what is waited for is small: it must not wait for the broker to acknowledge what was sent before
    noDelay: true,
    keepAlive: true,
    // the client reads what is not ASCII in a URL as other letters
    ...(user === '' && password === '' ? undefined : { credentials: amqp.credentials.plain(user, password) }),
  }
  const connect: Connect = (signal) => amqp.connect(where.href, Object.assign({ signal }, socket))
  const engine = new AMQPEngine(connect, settings, askMs)
  try {
    await engine.connected
    return engine
  } catch (cause) {
    await engine.close()
    where.username = where.password = ''
    throw new TelepathineError('ERR_QUEUE', `RabbitMQ at ${where.href} cannot be used: ${messageOf(cause)}`, { cause })
  }
}

/** See above. @internal */
export class AMQPEngine implements Engine {
  readonly priorityMax = 0
  /** The first connection. */
  readonly connected: Promise<void>
  readonly #connect: Connect
  readonly #askMs: number
  readonly #name: string
  readonly #keepMs: number
  readonly #held = new Map<number, Held>()
  /** Channels that are gone. */
  readonly #lost = new WeakSet<Channel>()
  readonly #outcomes: Outcomes
  #line: Line | undefined
  /** Ends a connection that is being made. */
  #dialing: AbortController | undefined
  #renewing: NodeJS.Timeout | undefined
  #ids = 0
  #isClosed = false

  constructor(connect: Connect, { name, keepMs }: EngineSettings, askMs = askMsDefault) {
    this.#connect = connect
    this.#askMs = askMs
    this.#name = name
    this.#keepMs = keepMs
    this.#outcomes = new Outcomes(keepMs)
    this.connected = this.#dial()
    this.#renewLater()
  }

  async join(): Promise<void> {
    // the broker itself sees who is gone
  }

  async add({ token, service, bytes, delayMs, isKeyed }: NewJob): Promise<void> {
    if (isKeyed && await this.#ask((line) => line.isThere(this.#register(token)))) return
    const head = { attempt: 1, copy: newMark(), serial: 0, isKeyed, dueAt: Date.now() + delayMs }
    await this.#send(service, token, bytes, head)
  }

  async take(service: string, room: number, deliver: (delivery: Delivery) => void): Promise<Taker> {
    const taker: BrokerTaker = { service, room, deliver, channel: undefined, tag: '', isStopped: false }
    try {
      await this.#ask((line) => this.#consume(line, taker))
    } catch (error) {
      // the broker may do it yet
      taker.isStopped = true
      throw error
    }
    return {
      stop: async () => {
        taker.isStopped = true
        const cancelled = taker.channel?.cancel(taker.tag).catch(() => undefined)
        await settled(Promise.resolve(cancelled).then(() => this.#closeIdle(taker)), stopMs)
      },
    }
  }

  async finish(delivery: Delivery, outcome: Uint8Array): Promise<void> {
    const held = this.#held.get(delivery.id)
    if (held === undefined) return
    await this.#renew(held)
    await this.#tell(held.token, outcome)
    await this.#acknowledge(held)
  }

  async putBack(delivery: Delivery, delayMs: number, isCounted: boolean): Promise<void> {
    const held = this.#held.get(delivery.id)
    if (held === undefined) return
    const { service, token, bytes, head, isDoubtful } = held
    const attempt = held.attempt + (isCounted ? 1 : 0)
    const next = { ...head, attempt, serial: head.serial + 1, dueAt: Date.now() + delayMs }
    await this.#send(service, token, bytes, next, isDoubtful)
    await this.#tell(`${overPrefix}${placeOf(held)}`, Buffer.from('over'))
    await this.#acknowledge(held)
  }

  async isCurrent(delivery: Delivery): Promise<boolean> {
    const held = this.#held.get(delivery.id)
    if (held === undefined) return false
    const place = placeOf(held)
    await this.#tell(`${claimPrefix}${place}`, Buffer.from(held.mark))
    await this.#ask((line) => this.#catchUp(line))
    const claim = this.#outcomes.get(`${claimPrefix}${place}`)
    const isClaimed = claim === undefined || Buffer.from(claim).toString() === held.mark
    // what came by a channel that is gone comes again
    if (this.#lost.has(held.channel)) {
      this.#held.delete(held.id)
      return false
    }
    if (isClaimed && this.#outcomes.get(`${overPrefix}${place}`) === undefined) return true
    await this.#acknowledge(held)
    return false
  }

  async bury(delivery: Delivery, outcome: Uint8Array): Promise<void> {
    const held = this.#held.get(delivery.id)
    if (held === undefined) return
    const { token, service, bytes, head } = held
    await this.#renew(held)
    await this.#ask(async (line) => {
      await line.assert(this.#queue('dead'), inTurn(quorum))
      const headers = { service, copy: head.copy, serial: head.serial + 1, keyed: head.isKeyed }
      await line.publish('', this.#queue('dead'), joined(outcome, bytes), { messageId: token, headers })
    })
    await this.#tell(token, outcome)
    await this.#acknowledge(held)
  }

  async outcome(token: string): Promise<Uint8Array | undefined> {
    return this.#ask(async (line) => {
      // also if one is known: it may have been tried again since, or discarded
      await this.#catchUp(line)
      return this.#outcomes.get(token)
    })
  }

  watch(token: string, look: Look): Promise<() => void> {
    return watching(this.#outcomes.watch(token, look), this.outcome(token), look)
  }

  async dead(service: string, limit: number): Promise<DeadLetter[]> {
    const isOf = ({ content, properties: { headers } }: ConsumeMessage): boolean =>
      headers?.['service'] === service && parted(content) !== undefined
    const messages = await this.#lookThrough(this.#queue('dead'), isOf, limit)
    return messages.map(({ content, properties: { messageId } }) => {
      const [outcome, bytes] = parted(content) as [Uint8Array, Uint8Array]
      return { token: String(messageId), service, outcome, bytes }
    })
  }

  async revive(token: string): Promise<boolean> {
    return this.#takeOut(token, async ({ content, properties: { headers } }) => {
      const parts = parted(content)
      if (parts === undefined) return false
      const head = headOf(headers)
      // another was stored under its key since nobody knew of it, and that one counts
      if (head.isKeyed && !(await this.#isTheOne(token, head.copy))) return false
      await this.#tell(token, new Uint8Array(0))
      await this.#send(String(headers?.['service']), token, parts[1], { ...head, attempt: 1, dueAt: 0 })
      return true
    })
  }

  async discard(token: string, outcome: Uint8Array): Promise<boolean> {
    return this.#takeOut(token, async () => {
      await this.#tell(token, outcome)
      return true
    })
  }

  /** AMQP tells how many wait, and only of queues whose names are known. */
  async depths(): Promise<Depth[]> {
    return this.#ask(async (line) => {
      const prefix = this.#queue('work.')
      const queues = line.asserted.filter((queue) => queue.startsWith(prefix))
      const counts = await Promise.all(queues.map((queue) => line.count(queue)))
      return queues.map((queue, at) => ({
        service: queue.slice(prefix.length), waiting: counts[at] as number,
        delayed: undefined, running: undefined, dead: undefined,
      }))
    })
  }

  async putBlob(id: string, bytes: Uint8Array, fades: boolean): Promise<void> {
    const queue = this.#queue(`blob.${id}`)
    await this.#ask(async (line) => {
      // an earlier try may have left some pieces
      await line.remove(queue)
      await line.assertNow(queue, inTurn(fades ? { durable: true, expires: this.#keepMs } : { durable: true }))
      const count = Math.max(1, Math.ceil(bytes.length / pieceBytes))
      const pieces = Array.from({ length: count }, (_, at) => bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes))
      await Promise.all(pieces.map((piece, at) => line.publish('', queue, piece, { headers: { at, count } })))
    }, transferTimes)
  }

  async blob(id: string): Promise<Uint8Array | undefined> {
    const pieces: Buffer[] = []
    let count = -1
    for (const { content, properties: { headers } } of await this.#lookThrough(this.#queue(`blob.${id}`))) {
      pieces[Number(headers?.['at'])] = content
      count = Number(headers?.['count'])
    }
    return pieces.length === count && !pieces.includes(undefined as never) ? Buffer.concat(pieces) : undefined
  }

  async dropBlob(id: string): Promise<void> {
    await this.#ask((line) => line.remove(this.#queue(`blob.${id}`)))
  }

  lost(): void {
    // as in join
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#renewing)
    this.#outcomes.close()
    this.#dialing?.abort(new Error('it was closed'))
    // what is held is given back by that
    await this.#line?.close()
  }

  // ---- jobs

  /**
   * Stores a job where it is delivered, or on its way there. Whether what is published again is there already, nobody
   * knows; nor whether what comes of a doubtful copy is the only one.
   */
  async #send(service: string, token: string, bytes: Uint8Array, head: Head, isDoubtful = false): Promise<void> {
    const { attempt, copy, serial, isKeyed, dueAt } = head
    await this.#ask(async (line, tries) => {
      const sent = isDoubtful || tries > 0 ? 0 : Date.now()
      const headers = { attempt, copy, serial, keyed: isKeyed, due: dueAt, sent, mark: newMark() }
      const options = { messageId: token, headers }
      const queue = await this.#workQueue(line, service)
      const leftMs = dueAt - Date.now()
      if (leftMs < stepMsMin) return line.publish('', queue, bytes, options)
      const stepMs = Math.min(2 ** Math.floor(Math.log2(leftMs)), stepMsMax)
      await line.publish(await this.#later(line, stepMs), queue, bytes, options)
    })
  }

  async #workQueue(line: Line, service: string): Promise<string> {
    const queue = this.#queue(`work.${service}`)
    await line.assert(queue, quorum)
    return queue
  }

  /**
   * Where jobs wait for that long: an exchange puts all it is given into the queue of its name, from which they go on,
   * by the routing key they came with, to the queue of their service.
   */
  async #later(line: Line, stepMs: number): Promise<string> {
    const name = this.#queue(`later.${stepMs}`)
    await line.once(`later ${stepMs}`, async (channel) => {
      // what is left of a delay goes through all shorter steps; made together they take no longer than one
      const shorter = stepMs > stepMsMin ? this.#later(line, stepMs / 2) : undefined
      const self = line.assert(name, {
        messageTtl: stepMs,
        deadLetterExchange: '',
        arguments: {
          ...quorum.arguments, 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish',
        },
      })
      await Promise.all([shorter, self])
      await channel.bindQueue(name, name, '')
    })
    return name
  }

  async #consume(line: Line, taker: BrokerTaker): Promise<void> {
    const { channel: before } = taker
    const queue = await this.#workQueue(line, taker.service)
    let isTaking = false
    let tag = ''
    const channel = await line.open(async (opened) => {
      opened.on('close', () => {
        this.#lost.add(opened)
        if (isTaking) this.#channelLost(taker, opened)
      })
      await opened.prefetch(taker.room)
      const { consumerTag } = await opened.consume(queue, (message) => {
        // the queue was removed
        if (message === null) opened.close().catch(() => undefined)
        else void this.#arrived(taker, opened, message)
      })
      tag = consumerTag
    })
    if (this.#lost.has(channel)) throw new Error('the channel was closed')
    // this was given up, and done again
    if (taker.channel !== before) return void channel.close().catch(() => undefined)
    isTaking = true
    taker.channel = channel
    taker.tag = tag
    // while it was asked for
    if (taker.isStopped) {
      await channel.cancel(tag).catch(() => undefined)
      await this.#closeIdle(taker)
    }
  }

  /** A job came in; if it cannot be looked into it is returned. Never rejects. */
  async #arrived(taker: BrokerTaker, channel: Channel, message: ConsumeMessage): Promise<void> {
    const { messageId, headers = {} } = message.properties
    const head = headOf(headers)
    const held: Held = {
      id: ++this.#ids,
      token: String(messageId),
      service: taker.service,
      bytes: message.content,
      // the queue counts how often it was returned, which it is when a connection ends
      attempt: head.attempt + Number(headers['x-delivery-count'] ?? 0),
      // a broker that was started anew does not say what it had delivered before
      isDoubtful: message.fields.redelivered || Number(headers['sent'] ?? 0) < (this.#line?.since ?? Infinity) + skewMs,
      mark: String(headers['mark']),
      head, message, channel, taker,
      isClaimed: false,
    }
    this.#held.set(held.id, held)
    try {
      await this.#sort(held)
    } catch (error) {
      log('%s: %O', taker.service, error)
      await this.#letGo(held, () => channel.nack(message))
    }
  }

  /** Gives a job to its taker, unless it comes too early, or is another's double. */
  async #sort(held: Held): Promise<void> {
    const { head, taker } = held
    const leftMs = head.dueAt - Date.now()
    if (leftMs >= stepMsMin) {
      if (!held.isDoubtful || await this.isCurrent(held)) await this.putBack(held, leftMs, false)
      return
    }
    if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs))
    if (head.isKeyed) {
      if (!(await this.#isTheOne(held.token, head.copy))) return this.#acknowledge(held)
      held.isClaimed = true
    }
    const { id, token, service, bytes, attempt, isDoubtful } = held
    taker.deliver({ id, token, service, bytes, attempt, isDoubtful })
  }

  /**
   * Whether this is the job that counts among those of one key: whose declaration of a queue came first. The broker
   * refuses a second one that is unlike, so that a queue, though nothing is ever in it, is a register that can be
   * written once. It is gone when nobody has declared it for as long as outcomes are kept.
   */
  async #isTheOne(token: string, copy: string): Promise<boolean> {
    const register = { durable: true, expires: this.#keepMs, deadLetterExchange: '', deadLetterRoutingKey: copy }
    return this.#ask((line) => line.claim(this.#register(token), register))
  }

  #register(token: string): string {
    return this.#queue(`key.${token}`)
  }

  /** The key of a job is known for as long again. */
  async #renew({ token, head: { isKeyed, copy } }: Held): Promise<void> {
    if (isKeyed && !(await this.#isTheOne(token, copy))) log('%s: its key was forgotten, and is of another job', token)
  }

  /** Has the keys of the jobs that are held here known, however long that is. */
  async #renewAll(): Promise<void> {
    for (const held of this.#held.values()) {
      if (held.isClaimed) await this.#renew(held).catch((error: unknown) => log('%s: %O', held.token, error))
    }
    if (!this.#isClosed) this.#renewLater()
  }

  #renewLater(): void {
    this.#renewing = setTimeout(() => void this.#renewAll(), this.#keepMs / 3)
  }

  async #acknowledge(held: Held): Promise<void> {
    // if its channel is gone it comes again, and is found to be settled
    await this.#letGo(held, () => held.channel.ack(held.message))
  }

  async #letGo(held: Held, how: () => void): Promise<void> {
    if (!this.#held.delete(held.id)) return
    attempted(how)
    await this.#closeIdle(held.taker)
  }

  /** A taker that was stopped needs its channel as long as something of it is held. */
  async #closeIdle(taker: BrokerTaker): Promise<void> {
    if (!taker.isStopped || [...this.#held.values()].some((held) => held.taker === taker)) return
    const { channel } = taker
    taker.channel = undefined
    if (channel !== undefined) await settled(channel.close(), stopMs)
  }

  /** The broker closed a channel, for a reason of its own: what it held is others' by now. */
  #channelLost(taker: BrokerTaker, channel: Channel): void {
    if (this.#isClosed || taker.isStopped || taker.channel !== channel) return
    this.#ask((line) => this.#consume(line, taker)).catch((error: unknown) => {
      log('%s: %O', taker.service, error)
      setTimeout(() => this.#channelLost(taker, channel), againMs)
    })
  }

  // ---- outcomes

  async #tell(token: string, outcome: Uint8Array): Promise<void> {
    await this.#ask(async (line) => {
      await this.#outcomeStream(line)
      await line.publish('', this.#queue('outcomes'), outcome, { messageId: token })
    })
  }

  async #outcomeStream(line: Line): Promise<void> {
    await line.assert(this.#queue('outcomes'), {
      arguments: {
        'x-queue-type': 'stream',
        'x-max-age': `${Math.ceil(this.#keepMs / 1_000)}s`,
        'x-stream-max-segment-size-bytes': 16 << 20,
      },
    })
  }

  /** Reads along, from now on, and resolves once all that is there now has been read. */
  async #catchUp(line: Line): Promise<void> {
    await line.once('outcomes', async () => {
      await this.#outcomeStream(line)
      await line.open(async (channel) => {
        channel.on('close', () => {
          line.forget('outcomes')
          if (this.#line === line) this.#readOn()
        })
        await channel.prefetch(1_000)
        this.#outcomes.restart()
        const since = Math.floor((Date.now() - this.#keepMs) / 1_000)
        await channel.consume(this.#queue('outcomes'), (message) => {
          if (message === null) {
            // the stream was moved, or started anew
            channel.close().catch(() => undefined)
          } else {
            this.#outcomes.read(String(message.properties.messageId), message.content)
            channel.ack(message)
          }
        }, { arguments: { 'x-stream-offset': { '!': 'timestamp', value: since } } })
      })
    })
    await this.#outcomes.reached((mark) =>
      line.publish('', this.#queue('outcomes'), new Uint8Array(0), { messageId: mark }))
  }

  /** Reads on for those who wait for an outcome. */
  #readOn(): void {
    if (this.#isClosed || !this.#outcomes.isWanted) return
    this.#ask((line) => this.#catchUp(line)).catch((error: unknown) => {
      log('%O', error)
      setTimeout(() => this.#readOn(), againMs)
    })
  }

  // ---- the broker

  /** Takes a dead letter out once `act` says so; whether it did. */
  async #takeOut(token: string, act: (letter: ConsumeMessage) => Promise<boolean>): Promise<boolean> {
    let isFound = false
    await this.#lookThrough(this.#queue('dead'), ({ properties }) => properties.messageId === token, Infinity,
      async (letter) => {
        const isDone = await act(letter)
        isFound ||= isDone
        return isDone
      })
    return isFound
  }

  /**
   * Goes through all messages of a queue and leaves them there, in place or not; one for which `take` resolves to true
   * is taken out. One at a time may do that: the queue gives its messages to the first who asked, until that one's
   * channel is closed, and then at once to the next.
   *
   * @param isWanted which of them are kept in memory
   * @param limit how many of them
   */
  async #lookThrough(
    queue: string, isWanted: (message: ConsumeMessage) => boolean = () => true, limit = Infinity,
    take: (message: ConsumeMessage) => Promise<boolean> = async () => false,
  ): Promise<ConsumeMessage[]> {
    return this.#ask(async (line) => {
      const messages: ConsumeMessage[] = []
      // what comes before a mark is all that there was
      const mark = `${markPrefix}${newMark()}`
      const turn = new Turn(turnMs, `${queue} is being looked through by somebody else`)
      let channel: Channel | undefined
      try {
        channel = await line.open(async (opened) => {
          opened.on('error', turn.fail)
          opened.on('close', () => turn.fail(new Error('the channel was closed')))
          await opened.consume(queue, (message) => {
            if (message === null) return turn.fail(new Error('the queue was removed'))
            turn.goOn()
            const { messageId, timestamp } = message.properties
            if (messageId === mark) return turn.end()
            if (!String(messageId).startsWith(markPrefix)) {
              if (!turn.isOver && messages.length < limit && isWanted(message)) messages.push(message)
              return
            }
            // those of others are left for them, unless they died since
            if (Number(timestamp) <= Date.now() / 1_000 - marksKeptSeconds) opened.ack(message)
          })
        })
        const now = Math.floor(Date.now() / 1_000)
        const marking = line.publish('', queue, new Uint8Array(0), { messageId: mark, timestamp: now })
        await Promise.all([marking, turn.over])
        for (const message of messages) {
          if (await take(message)) channel.ack(message)
        }
        return messages
      } catch (error) {
        if ((error as { code?: number }).code === 404) return []
        throw error
      } finally {
        turn.end()
        // all that is left returns to the queue
        await channel?.close().catch(() => undefined)
      }
    }, transferTimes)
  }

  /** Connects, and again whenever the connection ends. A broker that says nothing is left alone after a while. */
  async #dial(): Promise<void> {
    const cut = (this.#dialing = new AbortController())
    const cutIn = (ms: number): NodeJS.Timeout => setTimeout(() => cut.abort(new Error('it does not answer')), ms)
    let timer = cutIn(this.#askMs)
    try {
      const model = await unlessCut(this.#connect(cut.signal), cut.signal)
      clearTimeout(timer)
      timer = cutIn(tryTimes * this.#askMs)
      this.#line = await unlessCut(this.#lineOver(model, cut), cut.signal)
    } catch (error) {
      cut.abort()
      throw error
    } finally {
      clearTimeout(timer)
      this.#dialing = undefined
    }
  }

  async #lineOver(model: ChannelModel, cut: AbortController): Promise<Line> {
    model.on('error', (error: Error) => log('%s', error.message))
    const line = await Line.over(model, this.#queue('turn'), cut)
    model.on('close', () => {
      line.lost()
      if (this.#line === line && !this.#isClosed) void this.#redial()
    })
    await this.#prepare(line)
    if (line.isLost) throw new Error('the connection was lost')
    return line
  }

  /** Declares what is always needed. A broker that has just been started may not have all its queues yet. */
  async #prepare(line: Line): Promise<void> {
    for (const until = Date.now() + this.#askMs; ;) {
      try {
        await Promise.all([this.#outcomeStream(line), line.assert(this.#queue('dead'), inTurn(quorum))])
        return
      } catch (error) {
        if (line.isLost || this.#isClosed || Date.now() > until) throw error
        log('%s', messageOf(error))
      }
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
  }

  async #redial(): Promise<void> {
    this.#line = undefined
    while (!this.#isClosed) {
      await new Promise((resolve) => setTimeout(resolve, againMs))
      try {
        await this.#dial()
        break
      } catch (error) {
        log('%s', messageOf(error))
      }
    }
    this.#readOn()
  }

  /** Asks the broker, and again while it is away; it has longer for what is a lot. */
  async #ask<T>(act: (line: Line, tries: number) => Promise<T>, times = tryTimes): Promise<T> {
    const patience: Patience = { eachMs: this.#askMs, allMs: times * this.#askMs }
    const until = Date.now() + this.#askMs
    let tries = 0
    for (let waitMs = againMs; ; waitMs = Math.min(2 * waitMs, againMsMax)) {
      let cause: unknown
      try {
        const line = this.#line
        if (line !== undefined) return await line.attend(() => act(line, tries++), patience)
        cause = new Error('there is no connection')
      } catch (error) {
        cause = error
      }
      if (this.#isClosed || Date.now() > until || cause instanceof TelepathineError) {
        throw cause instanceof TelepathineError
          ? cause
          : new TelepathineError('ERR_QUEUE', `RabbitMQ: ${messageOf(cause)}`, { cause })
      }
      log('%s', messageOf(cause))
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  #queue(what: string): string {
    return `${this.#name}.${what}`
  }
}

function addressOf(url: string): { where: URL; user: string; password: string } {
  try {
    const where = new URL(url)
    return { where, user: decodeURIComponent(where.username), password: decodeURIComponent(where.password) }
  } catch {
    // the cause would tell the password
    const allowed = 'amqp://[user:password@]host[:port][/vhost], where a special character is written as %40 is for @'
    throw new TelepathineError('ERR_OPTION', `queue url: one that cannot be read given, allowed: ${allowed}`)
  }
}

const quorum: Options.AssertQueue = {
  durable: true,
  arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': never },
}

/** A queue whose messages are given to one consumer at a time, whoever asked first. */
function inTurn(options: Options.AssertQueue): Options.AssertQueue {
  return { ...options, arguments: { ...options.arguments, 'x-single-active-consumer': true } }
}

/** What is known of a job, by what was published beside it. */
function headOf(headers: MessagePropertyHeaders = {}): Head {
  return {
    attempt: Number(headers['attempt'] ?? 1),
    copy: String(headers['copy']),
    serial: Number(headers['serial'] ?? 0),
    isKeyed: headers['keyed'] === true,
    dueAt: Number(headers['due'] ?? 0),
  }
}

/** A job as it was stored once; all copies of that have the same. */
function placeOf({ token, head: { copy, serial } }: Held): string {
  return `${token} ${copy} ${serial}`
}

function newMark(): string {
  return randomBytes(9).toString('base64url')
}

/** Something that a channel refuses when it is closed, which is no matter then. */
function attempted(act: () => void): void {
  try {
    act()
  } catch (error) {
    log('%s', messageOf(error))
  }
}

/** Waits for what is done over a connection, unless that is ended: not all of it ends by that. */
async function unlessCut<T>(what: Promise<T>, signal: AbortSignal): Promise<T> {
  let end = (): void => undefined
  const cut = new Promise<never>((_, reject) => {
    end = () => reject(signal.reason as Error)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
  try {
    return await Promise.race([what, cut])
  } finally {
    signal.removeEventListener('abort', end)
  }
}
