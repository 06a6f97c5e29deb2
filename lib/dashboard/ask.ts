import type { Feed } from './feed.js'

/** What a peer answers to something that changes or runs something. */
export interface Outcome {
  readonly isWell: boolean
  /** For people to read. */
  readonly text: string
}

/** Asks the peer to do something, with the token if there is one. */
export async function ask(feed: Feed, method: string, path: string, json?: unknown): Promise<Outcome> {
  const { token } = feed
  const headers = {
    accept: 'application/json',
    ...(json !== undefined && { 'content-type': 'application/json' }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  try {
    const body = json === undefined ? null : JSON.stringify(json)
    const answer = await fetch(path, { method, headers, body, cache: 'no-store', redirect: 'error' })
    const text = (await answer.text()).trim()
    return { isWell: answer.ok, text: answer.ok ? text || 'done' : errorOf(text) || `status ${answer.status}` }
  } catch {
    return { isWell: false, text: 'the peer did not answer' }
  }
}

function errorOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string; message?: string } }
    return [error?.code, error?.message].filter((part) => part !== undefined).join(': ')
  } catch {
    return text
  }
}

/** What somebody wrote, as JSON if it is some, or else as a text. */
export function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A path of segments that may hold anything; half a character, which no path can hold, becomes U+FFFD. */
export function pathOf(...segments: readonly string[]): string {
  return `/${segments.map((segment) => encodeURIComponent(segment.replaceAll(/\p{Surrogate}/gu, '\ufffd'))).join('/')}`
}
