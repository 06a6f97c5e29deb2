import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isLoopback, parseHost } from '../net/address.js'
import { Refusal } from './errors.js'
import type { Route } from './routes.js'

/** Whom a gateway lets in. */
export interface GuardOptions {
  /** What changes and runs things needs this; undefined: nothing, if the peer is bound to loopback. */
  readonly token: string | undefined
  /** Whether reading takes the token too. */
  readonly private: boolean
  /** Canonical host names that requests may be addressed to, beside loopback and the address they came in at. */
  readonly hosts: readonly string[]
  /** Whether only this machine reaches the peer. */
  readonly isLocal: boolean
}

/**
 * Decides who may ask what.
 *
 * A browser that runs a foreign page is the attacker that loopback does not keep out. Its requests carry the foreign
 * page's origin, or, when a foreign name was made to point here, that name as their host: both are refused, whatever
 * the route.
 */
export class Guard {
  readonly #options: GuardOptions
  readonly #tokenHash: Buffer | undefined

  constructor(options: GuardOptions) {
    this.#options = options
    this.#tokenHash = options.token === undefined ? undefined : hash(options.token)
  }

  /** Throws a {@link Refusal} unless the request is addressed to this peer and comes from no foreign page. */
  checkSource(request: IncomingMessage): void {
    const { host, origin } = request.headers
    if (!this.#isOwn(host, request)) {
      throw new Refusal(403, 'ERR_DENIED', `host ${quote(host)} is not a name of this peer; see option http.hosts`)
    }
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw new Refusal(403, 'ERR_DENIED', `origin ${quote(origin)} is foreign: only this peer's own pages may ask`)
    }
  }

  /** Who may write: all who reach this peer, who has the token, or nobody. */
  get writers(): 'open' | 'token' | 'never' {
    if (this.#tokenHash !== undefined) return 'token'
    return this.#options.isLocal ? 'open' : 'never'
  }

  /** Throws a {@link Refusal} unless the request may use the route. */
  checkRight(request: IncomingMessage, route: Pick<Route, 'writes' | 'open'>): void {
    const [, given] = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? []
    this.checkToken(given, route)
  }

  /** The same for a token that came some other way. */
  checkToken(given: string | undefined, route: Pick<Route, 'writes' | 'open'>): void {
    if (route.open || this.#isToken(given)) return
    const { isLocal, private: isPrivate } = this.#options
    if (this.#tokenHash === undefined) {
      if (isLocal || !(route.writes || isPrivate)) return
      const hint = 'this peer can be reached from other machines and has no token: start it with one'
      throw new Refusal(401, 'ERR_DENIED', hint, { 'www-authenticate': 'Bearer' })
    }
    if (!route.writes && !isPrivate) return
    const hint = 'authorization: Bearer <token> is missing or wrong'
    throw new Refusal(401, 'ERR_DENIED', hint, { 'www-authenticate': 'Bearer' })
  }

  #isOwn(host: string | undefined, request: IncomingMessage): boolean {
    const name = hostOf(host)
    if (name === undefined) return false
    if (isLoopback(name) || this.#options.hosts.includes(name)) return true
    const { localAddress } = request.socket
    return localAddress !== undefined && name === parseHost(localAddress.replace(/%.*/, ''))
  }

  #isToken(given: string | undefined): boolean {
    // hashes are of one length, and how soon they differ says nothing about the token
    return given !== undefined && this.#tokenHash !== undefined && timingSafeEqual(hash(given), this.#tokenHash)
  }
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The canonical host of a Host header; undefined when it is none. */
function hostOf(header: string | undefined): string | undefined {
  try {
    return parseHost((header ?? '').replace(/:\d{1,5}$/, ''))
  } catch {
    return undefined
  }
}

function quote(text: string | undefined): string {
  return text === undefined ? '(none)' : JSON.stringify(text.slice(0, 200))
}
