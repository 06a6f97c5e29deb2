import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { PeerAddress } from './arguments.js'

/** What is asked of a peer. */
export interface Question {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is, under its media type. */
  readonly upload?: { readonly type: string; readonly bytes: number; readonly from: Readable }
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** A peer said no. */
export class Refused extends Error {
  readonly status: number
  readonly code: string | undefined

  constructor(status: number, code: string | undefined, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Longest answer that is taken whole. */
const answerBytesMax = 256 << 20
/** Bodies of more bytes than this are sent only when the peer says that it takes them. */
const askFirstBytes = 64 << 10
/** Longest line of an answer that comes in lines. */
const lineLengthMax = 64 << 20

/** Asks a peer over HTTP. Every failure is one line that says what to do. */
export class PeerClient {
  readonly #address: PeerAddress
  readonly #token: string | undefined

  constructor(address: PeerAddress, token: string | undefined) {
    this.#address = address
    this.#token = token
  }

  /** Where it asks: `host:port`. */
  get name(): string {
    return this.#address.name
  }

  /** Asks, and reads the answer whole; undefined when it is empty. */
  async ask(path: string, question: Question = {}): Promise<unknown> {
    return (await this.look(path, question)).value
  }

  /** As {@link PeerClient.ask}, for answers whose status says something. */
  async look(path: string, question: Question = {}): Promise<{ status: number | undefined; value: unknown }> {
    const answer = await this.#open(path, question)
    const text = await textOf(answer)
    return { status: answer.statusCode, value: text === '' ? undefined : JSON.parse(text) }
  }

  /** Asks, and yields the objects of an answer in lines of JSON, as they come. */
  async *follow(path: string, question: Question = {}): AsyncGenerator<Line, void, undefined> {
    const headers = { ...question.headers, accept: 'application/x-ndjson' }
    let rest = ''
    const answer = await this.#open(path, { ...question, headers })
    try {
      for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        if (rest.length > lineLengthMax) throw new Error(`a line has more than ${lineLengthMax} characters`)
        for (const line of lines) if (line !== '') yield JSON.parse(line) as Line
      }
    } catch (error) {
      throw this.#explain(error)
    } finally {
      answer.destroy()
    }
  }

  async #open(path: string, question: Question): Promise<IncomingMessage> {
    const { json, upload, signal } = question
    const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json))
    // if it is refused, its sender had better know before it has sent all of it
    const isLarge = (upload?.bytes ?? body?.length ?? 0) > askFirstBytes
    const { host, port } = this.#address
    const sent = request({
      host,
      port,
      path,
      method: question.method ?? 'GET',
      agent: false,
      headers: {
        ...question.headers,
        ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
        ...(body && { 'content-type': 'application/json', 'content-length': body.length }),
        ...(upload && { 'content-type': upload.type, 'content-length': upload.bytes }),
        ...(isLarge && { expect: '100-continue' }),
      },
      ...(signal && { signal }),
    })
    const answered = answerTo(sent)
    const send = (): void => {
      if (upload) void pipeline(upload.from, sent).catch(() => undefined)
      else sent.end(body)
    }
    if (isLarge) {
      sent.flushHeaders()
      sent.once('continue', send)
    } else {
      send()
    }
    let answer: IncomingMessage
    try {
      answer = await answered
    } catch (error) {
      upload?.from.destroy()
      throw this.#explain(error)
    }
    const { statusCode = 0 } = answer
    if (statusCode < 300) return answer
    throw this.#refused(statusCode, await textOf(answer))
  }

  #refused(status: number, text: string): Refused {
    let error: { code?: string; message?: string } | undefined
    try {
      error = (JSON.parse(text) as { error?: { code?: string; message?: string } }).error
    } catch {
      // whoever answers there is no peer of ours; the status has to do
    }
    const hint = status === 401 ? '; give the token with --token or TELEPATHINE_TOKEN' : ''
    return new Refused(status, error?.code, `${error?.message ?? `${this.name}: HTTP status ${status}`}${hint}`)
  }

  #explain(error: unknown): Error {
    const { code, message } = error as NodeJS.ErrnoException
    const { name } = this
    if (code === 'ECONNREFUSED') {
      return new Error(`nobody listens at ${name}: is the peer running? (telepathine peer ${name})`, { cause: error })
    }
    if (code === 'ENOTFOUND') return new Error(`there is no host ${this.#address.host}`, { cause: error })
    if (code === 'ECONNRESET') {
      return new Error(`${name} closed the connection: it stopped, or it is no peer that serves HTTP`, { cause: error })
    }
    return new Error(`${name}: ${message}`, { cause: error })
  }
}

/** One line of an answer. */
export interface Line {
  readonly type: string
  readonly [field: string]: unknown
}

function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.on('response', resolve)
    sent.on('error', reject)
  })
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > answerBytesMax) throw new Error(`the answer has more than ${answerBytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
