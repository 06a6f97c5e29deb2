import type { Exchange } from './exchange.js'
import { toJSON } from './json.js'

/** An idle stream says something so often, or whoever stands between would take it for dead. */
const pingMs = 15_000
/** What may wait for a slow client before lines are dropped. */
const waitingBytesMax = 4 << 20

/**
 * An answer that comes in lines, each a JSON object with a `type`: NDJSON if the client asks for that, server-sent
 * events otherwise (there `type` is the event's name). It never blocks whoever writes.
 */
export class Lines {
  readonly #exchange: Exchange
  readonly #isNDJSON: boolean
  readonly #ping: NodeJS.Timeout
  #missed = 0

  constructor(exchange: Exchange) {
    this.#exchange = exchange
    this.#isNDJSON = exchange.accepts(ndjson)
    const { response, signal } = exchange
    const type = this.#isNDJSON ? ndjson : 'text/event-stream'
    response.writeHead(200, { 'content-type': type, 'x-accel-buffering': 'no' })
    response.flushHeaders()
    const ping = this.#isNDJSON ? '\n' : ': ping\n\n'
    this.#ping = setInterval(() => response.writableLength === 0 && response.write(ping), pingMs).unref()
    signal.addEventListener('abort', () => clearInterval(this.#ping))
  }

  /** Resolves once what was written has gone out to a client that is slow, or the client has gone. */
  drained(): Promise<void> {
    const { response, signal } = this.#exchange
    if (!response.writableNeedDrain || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        response.off('drain', done)
        resolve()
      }
      response.once('drain', done)
      signal.addEventListener('abort', done)
    })
  }

  /**
   * Writes a line. When far too much waits it is dropped; how many were is told, as type `missed`, before the next one
   * that goes out. False: better wait for {@link Lines.drained}.
   */
  write(type: string, fields: Readonly<Record<string, unknown>>): boolean {
    const { response } = this.#exchange
    if (response.writableLength > waitingBytesMax) {
      this.#missed++
      return false
    }
    const missed = this.#missed
    this.#missed = 0
    if (missed > 0) this.#line('missed', { count: missed })
    return this.#line(type, fields)
  }

  /** Ends the answer; after `type: 'end'` as its last line, if there is anything to say at the end. */
  end(fields?: Readonly<Record<string, unknown>>): void {
    clearInterval(this.#ping)
    if (fields) this.#line('end', fields)
    this.#exchange.response.end()
  }

  #line(type: string, fields: Readonly<Record<string, unknown>>): boolean {
    const { response } = this.#exchange
    if (this.#isNDJSON) return response.write(`${toJSON({ type, ...fields })}\n`)
    return response.write(`event: ${type}\ndata: ${toJSON(fields)}\n\n`)
  }
}

/** The media type of lines of JSON. */
export const ndjson = 'application/x-ndjson'
