import type { IncomingMessage } from 'node:http'
import { Refusal } from './errors.js'

/**
 * Refuses a request whose body is not what `mediaType` says, or says that it is larger than `bytesMax`. A form of a
 * foreign page cannot send JSON without asking first, so this also keeps such forms out.
 */
export function checkBody(request: IncomingMessage, mediaType: string, bytesMax: number): void {
  const given = /^[^;]*/.exec(request.headers['content-type'] ?? '')?.[0].trim().toLowerCase()
  if (given !== mediaType) {
    throw new Refusal(415, 'ERR_VALUE', `content-type: ${given || 'none'} given, allowed: ${mediaType}`)
  }
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new Refusal(415, 'ERR_VALUE', `content-encoding ${encoding} is not taken`)
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax)
}

/**
 * A body's chunks, counted as they come: whatever was announced, no more than `bytesMax` are taken. What is left when
 * nobody wants more stays where it is: a request that was destroyed could not be answered any more.
 */
export async function* chunksOf(request: IncomingMessage, bytesMax: number): AsyncGenerator<Buffer, void, undefined> {
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw tooLarge(bytesMax)
    yield chunk
  }
}

/** Reads a body of JSON. Throws a {@link Refusal} when it is none, or too large. */
export async function readJSON(request: IncomingMessage, bytesMax: number): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of chunksOf(request, bytesMax)) chunks.push(chunk)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch (error) {
    throw new Refusal(400, 'ERR_VALUE', `the body is not JSON: ${(error as Error).message}`)
  }
}

function tooLarge(bytesMax: number): Refusal {
  return new Refusal(413, 'ERR_TOO_LARGE', `the body has more than the ${bytesMax} bytes allowed`)
}
