import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import type { Client, ClientInfo } from './client.js'
import type { NCConfig } from './config.js'
import { controlChannel } from './names.js'
import { decodePacket, encodeHead } from './packet.js'
import { encodeValue } from '../values.js'

/** Largest answer. */
const answerBytesMax = 1024 * 1024
/** Requests of all agents that may wait for a reload to end. */
const waitingMax = 64

/** What can be asked of a server. */
export interface Controlled {
  /** The active configuration, without its secret. */
  showConfig(): object
  /** The agents of a channel; undefined when there is no such channel. */
  clientsOf(channel: string): ReadonlyMap<string, Client> | undefined
  reload(config: NCConfig): Promise<unknown>
}

/**
 * Answers requests that agents of the channel `control` emit: `nc-control-<request>`. The answer, an event with
 * `-response` behind that name, goes to the one who asked, in the order of asking. A request that cannot be served is
 * answered with `{ error, code }`.
 */
export class Control {
  readonly #server: Controlled
  #waiting = 0
  #last: Promise<void> = Promise.resolve()

  constructor(server: Controlled) {
    this.#server = server
  }

  /** Takes a message of the channel `control`; one that is no request is left alone. */
  take(client: Client, frame: Uint8Array): void {
    const event = eventIfRequest(frame)
    if (event === undefined) return
    if (this.#waiting >= waitingMax) return this.#answer(client, event, busy())
    this.#waiting++
    this.#last = this.#last.then(async () => {
      try {
        this.#answer(client, event, await this.#serve(event, decodePacket(frame).data))
      } catch (error) {
        this.#answer(client, event, failure(error))
      } finally {
        this.#waiting--
      }
    })
  }

  async #serve(event: string, data: unknown): Promise<unknown> {
    switch (event) {
      case 'nc-control-showconfig': return this.#server.showConfig()
      case 'nc-control-showchannel': return [...this.#clients(data).keys()]
      case 'nc-control-showclient': return this.#client(data)
      case 'nc-control-reloadconfig':
        await this.#server.reload(data as NCConfig)
        return 'done'
      default:
        throw new TelepathineError('ERR_OPTION', `${describe(event)}: there are ${requests.join(', ')}`)
    }
  }

  #clients(channel: unknown): ReadonlyMap<string, Client> {
    const clients = typeof channel === 'string' ? this.#server.clientsOf(channel) : undefined
    if (clients === undefined) throw new TelepathineError('ERR_OPTION', `channel ${describe(channel)}: there is none`)
    return clients
  }

  #client(data: unknown): ClientInfo {
    const { channel, client: uuid } = Object(data) as { channel?: unknown; client?: unknown }
    const client = this.#clients(channel).get(String(uuid))
    if (client !== undefined) return client.info
    throw new TelepathineError('ERR_OPTION', `client ${describe(uuid)}: there is none in channel ${describe(channel)}`)
  }

  #answer(client: Client, event: string, answer: unknown): void {
    const head = encodeHead(controlChannel, `${event}-response`, false)
    let frame: Uint8Array
    try {
      frame = encodeValue(answer, answerBytesMax, head.length)
    } catch (error) {
      frame = encodeValue(failure(error), answerBytesMax, head.length)
    }
    frame.set(head)
    client.reply(Uint8Array.from(frame))
  }
}

const requests = ['showconfig', 'showchannel', 'showclient', 'reloadconfig'].map(name => `nc-control-${name}`)

/** The event of a request; undefined for other messages. */
function eventIfRequest(frame: Uint8Array): string | undefined {
  try {
    const { event } = decodePacket(frame)
    return event.startsWith('nc-control-') && !event.endsWith('-response') ? event : undefined
  } catch {
    return undefined
  }
}

function busy(): object {
  return failure(new TelepathineError('ERR_BUSY', `${waitingMax} requests wait already`))
}

function failure(error: unknown): object {
  const { message, code } = error as NodeJS.ErrnoException
  return { error: message, code }
}
