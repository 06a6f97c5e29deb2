import { InvalidArgumentError } from 'commander'

/** Where a peer is asked. */
export interface PeerAddress {
  /** `host:port`, as a person would write it. */
  readonly name: string
  readonly host: string
  readonly port: number
}

/** Reads `host:port`, `:port` (this machine) or `[v6]:port`. */
export function peerAddress(text: string): PeerAddress {
  const [, v6, host, digits] = /^(?:\[([^[\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) throw new InvalidArgumentError('allowed: host:port, :port or [v6]:port.')
  const name = host === '' ? `127.0.0.1:${port}` : text
  return { name, host: v6 ?? (host || '127.0.0.1'), port }
}

/** Reads JSON; what is none is a text as it stands. */
export function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Makes a reader of whole numbers within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`allowed: a whole number in ${min}..${max}.`)
  }
}

/** Gathers an option that may be given several times. */
export function several(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text]
}

/**
 * Names an app as the peers do: `wordcount/counter`, of `apps/wordcount/counter`, `./apps/wordcount/counter.js` or any
 * other path to its worker.
 */
export function appName(text: string): string {
  const parts = text.replace(/\.[cm]?js$/, '').split('/').filter((part) => part !== '' && part !== '.')
  const name = parts.slice(-2).join('/')
  if (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(name)) return name
  throw new InvalidArgumentError('allowed: apps/<folder>/<worker>.')
}
