import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import type { Engine, EngineSettings } from './engine.js'

/** How {@link openQueue} opens. */
export interface QueueOptions {
  /**
   * Sets apart several queues on one server: 1 to 32 letters, digits, `-` or `_`; default `telepathine`. All who share
   * a queue give the same. Not for a folder, which is a queue of its own.
   */
  name?: string
  /** How long outcomes are kept to be asked for, milliseconds from 1,000 to 30 days; default one hour. */
  keep?: number
}

const keepMsDefault = 3_600_000
const keepMsMax = 30 * 86_400_000

/** What there is: what a URL begins with, what has to be installed, what opens it. */
const kinds: readonly {
  readonly scheme: RegExp
  readonly packages: readonly string[]
  readonly open: (url: string, settings: EngineSettings) => Promise<Engine>
}[] = [
  {
    scheme: /^file:/,
    packages: ['lmdb'],
    open: async (url, settings) => (await import('./lmdb.js')).open(pathOf(url), settings),
  },
  {
    scheme: /^nats:/,
    packages: ['@nats-io/transport-node', '@nats-io/jetstream'],
    open: async (url, settings) => (await import('./thread.js')).openThread({ kind: 'jetstream', url, settings }),
  },
  {
    scheme: /^amqps?:/,
    packages: ['amqplib'],
    open: async (url, settings) => (await import('./thread.js')).openThread({ kind: 'amqp', url, settings }),
  },
]

/**
 * Work that waits, and outlives whoever asked for it and whoever was at it: what {@link openQueue} opens, and a
 * dispatcher is given.
 */
export class Queue {
  /** Where it is; without a password. */
  readonly url: string
  /** @internal */
  readonly engine: Engine

  /** Who is told that it is over. */
  readonly #users = new Set<(why: TelepathineError) => void>()
  #why: TelepathineError | undefined

  /** @internal */
  constructor(url: string, engine: Engine) {
    this.url = url
    this.engine = engine
    void engine.over?.then((why) => this.#end(why))
  }

  /** Lets go of it: what is held here is given back. Dispatchers that use it are to be stopped first. */
  async close(): Promise<void> {
    try {
      await this.engine.close()
    } finally {
      this.#end(new TelepathineError('ERR_QUEUE', 'the queue was closed'))
    }
  }

  /** @internal Tells when nothing can be done with it any more, and why. Returns what ends that. */
  use(told: (why: TelepathineError) => void): () => void {
    const why = this.#why
    if (why === undefined) this.#users.add(told)
    else queueMicrotask(() => told(why))
    return () => void this.#users.delete(told)
  }

  /** The same as {@link Queue.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #end(why: TelepathineError): void {
    this.#why ??= why
    for (const told of this.#users) told(this.#why)
    this.#users.clear()
  }
}

/**
 * Opens a queue for durable work, by its URL: `file:./queue` is a folder on this machine, for any number of processes
 * on it; `nats://host:4222` is NATS JetStream; `amqp://user:password@host` is RabbitMQ. The packages for it (`lmdb`,
 * `@nats-io/jetstream` with `@nats-io/transport-node`, `amqplib`) are loaded here, and are to be installed by whoever
 * uses it.
 *
 * @throws TelepathineError by rejection: `ERR_OPTION` for another URL, or when a package is missing (the message says
 * which), `ERR_QUEUE` when it cannot be opened
 */
export async function openQueue(url: string, options: QueueOptions = {}): Promise<Queue> {
  const settings = settingsOf(options)
  const kind = typeof url === 'string' ? kinds.find(({ scheme }) => scheme.test(url)) : undefined
  if (kind === undefined) throw refuse('url', url, 'file:<folder>, nats://<host>, amqp://<host>')
  try {
    return new Queue(url.replace(/^(\w+:\/\/)[^/?#]*@/, '$1'), await kind.open(url, settings))
  } catch (error) {
    throw isMissing(error) ? missing(url, kind.packages, error) : error
  }
}

/** A folder, relative to the current one unless it is absolute. */
function pathOf(url: string): string {
  const path = decoded(url.replace(/^file:(\/\/(?=\/))?/, ''))
  if (path !== '' && !path.startsWith('//') && !path.includes('\0')) return path
  throw refuse('url', url, 'file:./folder or file:///folder, with %25 for a %')
}

/** Nothing when it is no such text. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

function settingsOf(options: QueueOptions): EngineSettings {
  if (typeof options !== 'object' || options === null) throw refuse('options', options, 'an object')
  for (const name of Object.keys(options)) {
    if (name === 'name' || name === 'keep') continue
    throw new TelepathineError('ERR_OPTION', `unknown option ${name}: known are name, keep`)
  }
  const { name = 'telepathine', keep = keepMsDefault } = options
  if (typeof name !== 'string' || !/^[\w-]{1,32}$/.test(name)) {
    throw refuse('name', name, '1 to 32 letters, digits, - or _')
  }
  if (typeof keep !== 'number' || !(keep >= 1_000 && keep <= keepMsMax)) {
    throw refuse('keep', keep, `milliseconds in 1000..${keepMsMax}`)
  }
  return { name, keepMs: Math.round(keep) }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
}

function missing(url: string, packages: readonly string[], cause: unknown): TelepathineError {
  const names = packages.join(' ')
  const what = `${url.split(':')[0]}: takes another package: npm install ${names}`
  return new TelepathineError('ERR_OPTION', what, { cause })
}

function refuse(name: string, value: unknown, allowed: string): TelepathineError {
  return new TelepathineError('ERR_OPTION', `queue ${name}: ${describe(value)} given, allowed: ${allowed}`)
}
