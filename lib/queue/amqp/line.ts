import createDebug from 'debug'
import type { Channel, ChannelModel, ConfirmChannel, Message, Options } from 'amqplib'

const log = createDebug('telepathine:queue')

/**
 * How long a new queue is left alone. RabbitMQ writes down twice a second which quorum queues there are; one that it
 * did not come to write down is empty after a crash, whatever had been confirmed.
 */
const registeredMs = 1_000

/** What a publish fails with that a queue has no room for. */
export const refused = 'the queue refuses it'

/** One connection, with a channel for what is published, and one for what is declared. */
export class Line {
  readonly #model: ChannelModel
  readonly #publisher: ConfirmChannel
  #declarer: Channel
  /** Unix time at which it was made. */
  readonly since = Date.now()
  /** What was declared over this connection. */
  readonly #done = new Map<string, Promise<unknown>>()
  readonly #queues = new Set<string>()
  /** What waits to be confirmed. */
  readonly #unconfirmed = new Map<string, (error: Error) => void>()
  #serials = 0

  static async over(model: ChannelModel): Promise<Line> {
    const publisher = await model.createConfirmChannel()
    const line = new Line(model, publisher, await model.createChannel())
    publisher.on('error', (error: Error) => log('%s', error.message))
    publisher.on('close', () => line.lost())
    publisher.on('return', ({ properties }: Message) => line.returned(String(properties.correlationId)))
    return line
  }

  constructor(model: ChannelModel, publisher: ConfirmChannel, declarer: Channel) {
    this.#model = model
    this.#publisher = publisher
    this.#declarer = declarer
    declarer.on('error', () => undefined)
  }

  /** The queues that are known to be there. */
  get asserted(): readonly string[] {
    return [...this.#queues]
  }

  /** A channel of one's own. */
  async open(): Promise<Channel> {
    const channel = await this.#model.createChannel()
    channel.on('error', (error: Error) => log('%s', error.message))
    return channel
  }

  /** Sees to it that a queue is there, and that it stays. */
  async assert(queue: string, options: Options.AssertQueue): Promise<void> {
    await this.once(queue, async () => {
      const isThere = await this.#declare((channel) => channel.checkQueue(queue)).then(() => true, () => false)
      await this.#declare((channel) => channel.assertQueue(queue, { durable: true, ...options }))
      if (!isThere) await new Promise((resolve) => setTimeout(resolve, registeredMs))
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

  async count(queue: string): Promise<number> {
    return (await this.#declare((channel) => channel.checkQueue(queue))).messageCount
  }

  async remove(queue: string): Promise<void> {
    this.#done.delete(queue)
    this.#queues.delete(queue)
    await this.#declare((channel) => channel.deleteQueue(queue))
  }

  /** Publishes, and waits until it is stored. */
  publish(exchange: string, key: string, bytes: Uint8Array, options: Options.Publish): Promise<void> {
    return new Promise((resolve, reject) => {
      // a broker confirms what it has no queue for, too; but it returns it first
      const correlationId = String(++this.#serials)
      this.#unconfirmed.set(correlationId, reject)
      const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      const all = { ...options, correlationId, persistent: true, mandatory: true }
      this.#publisher.publish(exchange, key, content, all, (error: unknown) => {
        this.#unconfirmed.delete(correlationId)
        if (error === null || error === undefined) resolve()
        else reject(new Error(refused, { cause: error }))
      })
    })
  }

  /** There is no queue for something: what was declared may be gone. */
  returned(correlationId: string): void {
    this.#done.clear()
    this.#unconfirmed.get(correlationId)?.(new Error('there is no such queue'))
  }

  /** It is over: nothing more will be confirmed. */
  lost(): void {
    for (const reject of this.#unconfirmed.values()) reject(new Error('the connection was lost'))
    this.#unconfirmed.clear()
  }

  async close(): Promise<void> {
    await this.#model.close().catch(() => undefined)
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
