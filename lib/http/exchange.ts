import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkBody, chunksOf, readJSON } from './body.js'
import { Refusal } from './errors.js'
import { toJSON } from './json.js'

/** What the request's target names. */
export interface Names {
  /** What stands for the names in the route's path, as it came. */
  readonly path: ReadonlyMap<string, string>
  readonly query: URLSearchParams
}

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborts when the client goes away before its answer is complete. */
  readonly signal: AbortSignal
  readonly #names: Names
  readonly #bodyBytesMax: number

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    names: Names,
    bodyBytesMax: number,
  ) {
    this.request = request
    this.response = response
    this.#names = names
    this.#bodyBytesMax = bodyBytesMax
    const gone = new AbortController()
    this.signal = gone.signal
    // 'close' of the request would come as soon as its body is read
    response.on('close', () => {
      if (!response.writableFinished) gone.abort()
    })
  }

  /** What stands in the path for `:name`, decoded. */
  name(name: string): string {
    try {
      return decodeURIComponent(this.#names.path.get(name) ?? '')
    } catch {
      throw new Refusal(400, 'ERR_KEY', `the path holds a % that begins no character`)
    }
  }

  /** A parameter of the query; undefined when it is not there. */
  query(name: string): string | undefined {
    return this.#names.query.get(name) ?? undefined
  }

  /** All values of a parameter of the query. */
  queries(name: string): string[] {
    return this.#names.query.getAll(name)
  }

  /** A header; undefined when it is not there. */
  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  /** Whether the client asks for this media type by name. */
  accepts(mediaType: string): boolean {
    const accepted = (this.header('accept') ?? '').split(',').map((part) => /^[^;]*/.exec(part)?.[0].trim())
    return accepted.includes(mediaType)
  }

  /** Whether the client would rather have it so (`Prefer`, RFC 7240): `respond-async`, `return=minimal`. */
  prefers(preference: string): boolean {
    return (this.header('prefer') ?? '').split(',').some((each) => each.trim().toLowerCase() === preference)
  }

  /** Reads the body, which must be JSON. */
  body(): Promise<unknown> {
    checkBody(this.request, 'application/json', this.#bodyBytesMax)
    this.proceed()
    return readJSON(this.request, this.#bodyBytesMax)
  }

  /** The chunks of a body that is no JSON, counted as they come. */
  upload(mediaType: string, bytesMax: number): AsyncGenerator<Buffer, void, undefined> {
    checkBody(this.request, mediaType, bytesMax)
    this.proceed()
    return chunksOf(this.request, bytesMax)
  }

  /** Tells a client that waits for it (`Expect: 100-continue`) to send its body. */
  proceed(): void {
    if (this.header('expect')?.toLowerCase() === '100-continue') this.response.writeContinue()
  }

  /** Answers with a value as JSON. */
  json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.send(status, 'application/json', `${toJSON(value)}\n`, headers)
  }

  /** Answers with a text, whole. */
  send(status: number, mediaType: string, text: string, headers: Readonly<Record<string, string>> = {}): void {
    const length = String(Buffer.byteLength(text))
    this.response.writeHead(status, { ...headers, 'content-type': mediaType, 'content-length': length })
    this.response.end(text)
  }

  /** Answers with nothing but a status. */
  empty(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.response.writeHead(status, headers).end()
  }
}

/** The number in a header, as it stands there. @throws Refusal 400 for any other text */
export function wholeNumber(header: string, text: string, min: number, max: number): number {
  const value = /^\d{1,11}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  const allowed = `a whole number in ${min}..${max}`
  throw new Refusal(400, 'ERR_OPTION', `${header}: ${JSON.stringify(text)} given, allowed: ${allowed}`)
}
