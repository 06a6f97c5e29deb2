import createDebug from 'debug'
import type { Channel, ChannelModel, ConfirmChannel, Message, Options } from 'amqplib'
import { TelepathineError } from '../../gossip/errors.js'
import { settled } from '../settled.js'

const log = createDebug('telepathine:queue')

/**
 * How long new queues are left alone, and no others made. RabbitMQ writes down which quorum queues there are half a
 * second to a second after the last was made. One that it did not come to write down is lost in a crash, whatever had
 * been confirmed: its name stays, and takes nothing more.
 */
const registeredMs = 1_500
/** How often it is asked for the turn to make queues. */
const turnMs = 100

/** How long a connection may take to be closed. */
const closeMs = 2_000

/** What AMQP says of what is not there, and of what is another connection's. */
const notFound = 404
const locked = 405
const unlike = 406
/** It says the same of what is there, and was not started yet. */
const isAbsent = /no (queue|exchange) /

/** What a publish fails with that a queue has no room for, and one that there is none for. */
const refused = 'the queue refuses it'
const unknown = 'there is no such queue'
/** What all fails with that is asked for over a connection that is over. */
const gone = 'the connection was lost'

/** How long the broker is waited for. */
export interface Patience {
  /** How long one waits, milliseconds; longer only while the broker takes what it is told. */
  readonly eachMs: number
  /** How long in all. */
  readonly allMs: number
}

/** One connection, with a channel for what is published, and one for what is declared. */
export class Line {
  readonly #model: ChannelModel
  readonly #publisher: ConfirmChannel
  readonly #turn: string
  readonly #cut: AbortController
  #declarer: Channel
  /** Unix time at which it was made. */
  readonly since = Date.now()
  /** What was declared over this connection. */
  readonly #done = new Map<string, Promise<unknown>>()
  readonly #queues = new Set<string>()
  /** Queues that are to be made. */
  readonly #wanted = new Map<string, Options.AssertQueue>()
  #making: Promise<void> = Promise.resolve()
  /** What waits to be confirmed. */
  readonly #unconfirmed = new Map<string, { readonly reject: (error: Error) => void; readonly isSure: boolean }>()
  /** What is being asked for. */
  readonly #asked = new Set<(error: Error) => void>()
  #serials = 0
  /** Why the broker takes nothing more for now: its memory or its disk is full. */
  #blockedBy: string | undefined
  isLost = false

  /**
   * @param turn the name of the queue that belongs to whoever makes queues
   * @param cut ends the connection with no word to the broker
   */
  static async over(model: ChannelModel, turn: string, cut: AbortController): Promise<Line> {
    const publisher = await model.createConfirmChannel()
    const line = new Line(model, publisher, await model.createChannel(), turn, cut)
    model.on('blocked', (why: string) => (line.#blockedBy = why))
    model.on('unblocked', () => (line.#blockedBy = undefined))
    publisher.on('error', (error: Error) => log('%s', error.message))
    publisher.on('close', () => {
      line.lost()
      // if it ended alone all else is made anew as well
      setImmediate(() => void line.close())
    })
    publisher.on('return', ({ properties }: Message) => line.returned(String(properties.correlationId)))
    return line
  }

  constructor(
    model: ChannelModel, publisher: ConfirmChannel, declarer: Channel, turn: string, cut: AbortController,
  ) {
    this.#model = model
    this.#turn = turn
    this.#cut = cut
    this.#publisher = publisher
    this.#declarer = declarer
    declarer.on('error', () => undefined)
  }

  /** The queues that are known to be there. */
  get asserted(): readonly string[] {
    return [...this.#queues]
  }

  /**
   * Does something over this connection, as long as there is hope: not when the connection is lost, nor for longer
   * than one waits. A broker that takes nothing more reads nothing more, so that there is no answer to anything.
   */
  async attend<T>(act: () => Promise<T>, { eachMs, allMs }: Patience): Promise<T> {
    if (this.isLost) throw new Error(gone)
    if (this.#blockedBy !== undefined) throw new Error(this.#whyNot())
    let timer: NodeJS.Timeout | undefined
    let giveUp: (error: Error) => void = () => undefined
    try {
      return await new Promise<T>((resolve, reject) => {
        giveUp = reject
        this.#asked.add(giveUp)
        let waitedMs = 0
        timer = setInterval(() => {
          waitedMs += eachMs
          if (this.#blockedBy === undefined && waitedMs < allMs) return
          reject(new TelepathineError('ERR_QUEUE', `RabbitMQ: ${this.#whyNot()}`))
        }, eachMs)
        act().then(resolve, reject)
      })
    } finally {
      clearInterval(timer)
      this.#asked.delete(giveUp)
    }
  }

  #whyNot(): string {
    return this.#blockedBy === undefined ? 'it does not answer' : `it takes nothing for now: ${this.#blockedBy}`
  }

  /** A channel of one's own. It is closed when what it is opened for fails. */
  async open(begin: (channel: Channel) => Promise<void> = async () => undefined): Promise<Channel> {
    const channel = await this.#model.createChannel()
    channel.on('error', (error: Error) => log('%s', error.message))
    try {
      await begin(channel)
    } catch (error) {
      await channel.close().catch(() => undefined)
      throw error
    }
    return channel
  }

  /**
   * Sees to it that a queue is there, and that it stays. An exchange of its name says that it was left alone long
   * enough for that by whoever made it; nothing is stored in it before.
   */
  async assert(queue: string, options: Options.AssertQueue): Promise<void> {
    await this.once(queue, async () => {
      while (!(await this.#isSettled(queue))) {
        this.#wanted.set(queue, { durable: true, ...options })
        await (this.#making = this.#making.catch(() => undefined).then(() => this.#make()))
      }
    })
    this.#queues.add(queue)
  }

  /** As {@link Line.assert}, also when it was there a moment ago: for one that goes by itself. */
  async assertNow(queue: string, options: Options.AssertQueue): Promise<void> {
    await this.#declare((channel) => channel.assertQueue(queue, options))
  }

  /** Declares something, if it was not yet. */
  async once(what: string, declare: (channel: Channel) => Promise<unknown>): Promise<void> {
    let done = this.#done.get(what)
    if (done === undefined) {
      done = this.#declare(declare)
      this.#done.set(what, done)
      done.catch(() => this.#done.delete(what))
    }
    await done
  }

  /** What {@link Line.once} did is not there any more. */
  forget(what: string): void {
    this.#done.delete(what)
  }

  async count(queue: string): Promise<number> {
    return (await this.#declare((channel) => channel.checkQueue(queue))).messageCount
  }

  async remove(queue: string): Promise<void> {
    this.#done.delete(queue)
    this.#queues.delete(queue)
    await this.#declare((channel) => channel.deleteQueue(queue))
  }

  /**
   * Whether there is a queue of that name, which is not to live longer by that: to declare it or look at it renews the
   * time after which it expires; that something cannot be delivered to it does not. What is published is over at once.
   */
  async isThere(queue: string): Promise<boolean> {
    try {
      await this.publish('', queue, new Uint8Array(0), { expiration: '0' }, false)
      return true
    } catch (error) {
      if ((error as Error).message === unknown) return false
      throw error
    }
  }

  /**
   * Publishes, and waits until it is stored.
   *
   * @param isSure that there is a queue for it: if there is none, what was declared may be gone
   */
  publish(
    exchange: string, key: string, bytes: Uint8Array, options: Options.Publish, isSure = true,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      // a broker confirms what it has no queue for, too; but it returns it first
      const correlationId = String(++this.#serials)
      this.#unconfirmed.set(correlationId, { reject, isSure })
      const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      const all = { ...options, correlationId, persistent: true, mandatory: true }
      this.#publisher.publish(exchange, key, content, all, (error: unknown) => {
        this.#unconfirmed.delete(correlationId)
        if (error === null || error === undefined) resolve()
        else reject(new Error(refused, { cause: error }))
      })
    })
  }

  /** There is no queue for something. */
  returned(correlationId: string): void {
    const published = this.#unconfirmed.get(correlationId)
    if (published?.isSure !== false) this.#done.clear()
    published?.reject(new Error(unknown))
  }

  /** It is over: nothing more will be confirmed. */
  lost(): void {
    this.isLost = true
    const error = new Error(gone)
    for (const { reject } of this.#unconfirmed.values()) reject(error)
    for (const reject of this.#asked) reject(error)
    this.#unconfirmed.clear()
    this.#asked.clear()
  }

  /** Ends the connection; the broker is not waited for for long. */
  async close(): Promise<void> {
    await settled(this.#model.close(), closeMs)
    this.#cut.abort()
  }

  /** Declares a queue unless there is another of that name with another `deadLetterRoutingKey`; whether it did. */
  async claim(queue: string, options: Options.AssertQueue): Promise<boolean> {
    const channel = await this.open()
    try {
      await channel.assertQueue(queue, options)
      await channel.close()
      return true
    } catch (error) {
      const { code, message } = error as { code?: number; message: string }
      if (code === unlike && message.includes('x-dead-letter-routing-key')) return false
      throw error
    }
  }

  async #isSettled(queue: string): Promise<boolean> {
    return (await this.#isMarked(queue)) && (await this.#isThere((channel) => channel.checkQueue(queue)))
  }

  #isMarked(queue: string): Promise<boolean> {
    return this.#isThere((channel) => channel.checkExchange(queue))
  }

  /**
   * Makes all queues that are wanted, when it is this connection's turn: whose that is, is decided by a queue that only
   * one may have.
   */
  async #make(): Promise<void> {
    if (this.#wanted.size === 0) return
    while (!(await this.#isThere((channel) => channel.assertQueue(this.#turn, { exclusive: true, durable: false })))) {
      await new Promise((resolve) => setTimeout(resolve, turnMs))
    }
    try {
      const made: string[] = []
      for (const [queue, options] of this.#wanted) {
        this.#wanted.delete(queue)
        if (await this.#isSettled(queue)) continue
        if (!(await this.#isMarked(queue))) await this.#removeEmpty(queue)
        await this.#declare((channel) => channel.assertQueue(queue, options))
        made.push(queue)
      }
      if (made.length === 0) return
      await new Promise((resolve) => setTimeout(resolve, registeredMs))
      for (const queue of made) {
        await this.#declare((channel) => channel.assertExchange(queue, 'fanout', { durable: true }))
      }
    } finally {
      // or else nobody would ever make queues again
      await this.#isThere((channel) => channel.deleteQueue(this.#turn)).catch(() => this.close())
    }
  }

  /** The broker may have died while somebody made a queue, and then it is good for nothing. */
  async #removeEmpty(queue: string): Promise<void> {
    const isThere = await this.#isThere((channel) => channel.checkQueue(queue))
    if (isThere && (await this.count(queue)) === 0) await this.#declare((channel) => channel.deleteQueue(queue))
  }

  /** Whether something is there and may be had; to be told that it is not costs a channel. */
  async #isThere(look: (channel: Channel) => Promise<unknown>): Promise<boolean> {
    const channel = await this.open()
    try {
      await look(channel)
      await channel.close()
      return true
    } catch (error) {
      const { code, message } = error as { code?: number; message: string }
      if (code === locked || (code === notFound && isAbsent.test(message))) return false
      throw error
    }
  }

  /** A declaration that is refused closes its channel. */
  async #declare<T>(declare: (channel: Channel) => Promise<T>): Promise<T> {
    try {
      return await declare(this.#declarer)
    } catch (error) {
      this.#declarer = await this.open()
      throw error
    }
  }
}
