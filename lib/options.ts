import { networkInterfaces } from 'node:os'
import { defaultConfig, type GossipConfig } from './gossip/config.js'
import { describe } from './describe.js'
import { TelepathineError } from './gossip/errors.js'
import type { Random } from './gossip/random.js'
import type { Clock } from './host/clock.js'
import { addressLookup, familyOf, isLoopback, parseHost } from './net/address.js'
import { type CertificateOptions, Certificates } from './net/certificates.js'
import { Keyring } from './net/keyring.js'
import { sealBytes } from './net/seal.js'
import type { Security, Transport } from './net/transport.js'
import { stampBytes } from './stamps.js'
import { encodeValue } from './values.js'

/**
 * What may be given to `new Telepathine(port, seeds, options)`. Every option has a default that needs no thought.
 * Durations are milliseconds, sizes bytes. An unknown option, a wrong type or a number out of range throws
 * `ERR_OPTION`; hosts that are none throw `ERR_ADDRESS`.
 */
export interface TelepathineOptions {
  /**
   * Host that other peers reach this one under; with the port it makes the peer's name. Default `127.0.0.1`, so that
   * nothing is open to the network unasked. For a cluster of several machines give this machine's address in their
   * network.
   */
  address?: string
  /**
   * Host to bind to. Default: `address`, if this machine has it; otherwise (NAT, containers, host names) all
   * interfaces.
   */
  bind?: string
  /**
   * Rewrites what is dialled: host to host, or `host:port` to `host:port`. For peers behind address translation, who
   * know each other under addresses that do not work from here. Default: none.
   */
  addressMap?: Readonly<Record<string, string>>
  /** Name of the cluster, 1 to 255 characters. Peers of different clusters never mix. Default `telepathine`. */
  cluster?: string
  /**
   * Pre-shared key of the cluster, of 16 characters or more (`telepathine keygen` makes one); or up to 8 of them: the
   * first seals, all open, so that keys can be changed while the cluster runs (`Telepathine.rekey`). Datagrams
   * are sealed, connections use TLS 1.3. Who has no key learns nothing. Default: none, and whoever reaches the port
   * takes part.
   */
  network?: string | readonly string[]
  /**
   * Certificates instead of a key, for those who have an authority: each peer is who its certificate says. All goes
   * over TLS connections; there are no datagrams then. Default: none.
   */
  tls?: CertificateOptions
  /** HTTP on the same port: true, or {@link HTTPOptions}. Default false. */
  http?: boolean | HTTPOptions
  /** Whether small messages go as UDP datagrams. Default true. Turn it off where only TCP gets through. */
  udp?: boolean
  /**
   * Where to start from for the intervals and the failure detector; single options still go before it. `local`: one
   * machine, heartbeats of 250 ms, so failures show twice as fast. `lan`: the defaults. `wan`: heartbeats of 1 s with
   * a pause of 3 s allowed, for lines with jitter. Default `lan`.
   */
  preset?: 'local' | 'lan' | 'wan'
  /**
   * Pause between the exchanges that a peer begins when all is quiet; 20 to 600,000, default 1,000. News does not wait
   * for it, it only bounds how late what got lost is repaired.
   */
  gossipIntervalMS?: number
  /**
   * Pause between heartbeats to each of the peers that watch this one; 20 to 60,000, default 500. How soon a silent
   * death is noticed follows from it: about 2.5 intervals until suspected, 1 to 5 more until declared. Give all peers
   * the same.
   */
  heartbeatIntervalMS?: number
  /** Failure detector: the threshold alone, or {@link PhiOptions}. */
  phi?: number | PhiOptions
  /**
   * How long the state of a dead peer is kept, if it does not come back; at least 1,000, default 900,000 (15 minutes).
   * After it the peer's keys are gone and `peer:forgotten` tells.
   */
  forgetAfterMS?: number
  /**
   * Whether heartbeats show as values: `set` with key `__heartbeat__` and a count, for each live peer in every
   * `heartbeatIntervalMS`. Default false. As in the original; for graphs and for debugging.
   */
  emitValueOnHeartBeat?: boolean
  /**
   * What all others get to know about this peer with `peer:new`. Any value of up to 1,024 bytes encoded. Default:
   * none.
   */
  metadata?: unknown
  /** Longest key or event name, in bytes; 1 to 16,384, default 1,024. */
  maxKeyBytes?: number
  /** Largest value or event data, encoded; 16 to 1 GiB, default 8 MiB or what `maxFrameBytes` leaves. */
  maxValueBytes?: number
  /** Largest message over a connection; 65,536 to 2 GiB, default 16 MiB, and never less than a key and a value need. */
  maxFrameBytes?: number
  /** Most peers known, dead ones included; 1 to 1,000,000, default 20,000. Further ones are ignored. */
  maxPeers?: number
  /**
   * Bound on the keys and values of one peer, counted with 100 bytes for each; from 65,536, default 64 MiB. Give all
   * the same.
   */
  maxStateBytes?: number
  /**
   * Bound on one peer's events kept for those who join or missed them, the oldest go first; from 65,536, default 64
   * MiB.
   */
  maxEventBytes?: number
  /**
   * A file that keeps the peers known, to rejoin after a restart even when no seed answers, and this peer's
   * incarnation. Written within 3 s of a change. Default: none.
   */
  snapshot?: string
  /** Source of time, for tests. Default: the system's. */
  clock?: Clock
  /** Source of chance, for tests. Default: seeded from the system's entropy. */
  random?: Random
  /**
   * What carries the bytes, for tests; must stand being opened again after it was closed. Default: UDP and TCP
   * sockets.
   */
  transport?: Transport
}

/**
 * Whom a peer answers over HTTP. Without a token everything is open to this machine if the peer is bound to loopback;
 * a peer that is bound to more lets others read, and neither change nor run anything.
 */
export interface HTTPOptions {
  /** What clients must send as `Authorization: Bearer <token>` to change or run something; at least 8 characters. */
  token?: string
  /** Whether reading takes the token as well; only `/healthz` and `/readyz` answer without. Default false. */
  private?: boolean
  /**
   * Host names under which clients may address this peer, beside loopback, `address` and the address that they reach.
   * Others are refused, so that no foreign name can be made to point here. Default: none.
   */
  hosts?: readonly string[]
  /** Largest request body of JSON; 1,024 to 1 GiB, default 1 MiB. */
  maxBodyBytes?: number
  /** Whether to answer the original's `POST /hello`, `/start`, `/stop` and their like. Default false. */
  legacy?: boolean
  /**
   * Whether `/metrics` tells of the process, too: memory, CPU, garbage collection. Default false, for one that has
   * metrics of its own tells of them there.
   */
  processMetrics?: boolean
}

/** How suspicious a peer is of silence; see {@link PhiAccrualDetector}. */
export interface PhiOptions {
  /** Suspicion level: 8 is wrong once in 10^8 intervals if they vary as they did. 1 to 100, default 8. */
  threshold?: number
  /**
   * Silence beyond the usual interval that raises no suspicion; 0 to 600,000, default 1.5 `heartbeatIntervalMS`, at
   * least 300.
   */
  acceptablePauseMS?: number
  /** Least deviation of the intervals that is assumed; 1 to 60,000, default a quarter of `heartbeatIntervalMS`. */
  minDeviationMS?: number
}

/** Options after the check: for the protocol, and for what surrounds it. */
export interface Settings {
  readonly gossip: GossipConfig
  /** Without the stamp that keys carry. */
  readonly maxValueBytes: number
  readonly address: string
  readonly bind: string
  readonly addressMap: Readonly<Record<string, string>>
  readonly security: Security | undefined
  readonly emitValueOnHeartBeat: boolean
  readonly snapshot: string | undefined
  /** Undefined: no HTTP. */
  readonly http: HTTPSettings | undefined
  readonly clock: Clock | undefined
  readonly random: Random | undefined
  readonly transport: Transport | undefined
}

/** {@link HTTPOptions} after the check. */
export interface HTTPSettings {
  readonly token: string | undefined
  readonly private: boolean
  /** Canonical; with `address`. */
  readonly hosts: readonly string[]
  readonly maxBodyBytes: number
  readonly legacy: boolean
  readonly processMetrics: boolean
}

const presets = {
  local: { gossipIntervalMs: 500, heartbeatIntervalMs: 250, pauseMs: 375 },
  lan: { gossipIntervalMs: 1_000, heartbeatIntervalMs: 500, pauseMs: undefined },
  wan: { gossipIntervalMs: 2_000, heartbeatIntervalMs: 1_000, pauseMs: 3_000 },
} as const

const metadataBytesMax = 1_024
/** What a message needs beside the key and value of one entry. */
const frameOverheadBytes = 4_096

/**
 * Checks options and fills in the defaults.
 *
 * @throws TelepathineError `ERR_OPTION` names the option, what was given and what is allowed; `ERR_ADDRESS`,
 * `ERR_VALUE` and `ERR_TOO_LARGE` for addresses and metadata.
 */
export function checkOptions(options: TelepathineOptions = {}): Settings {
  const read = new OptionReader(options, optionNames, '')
  const preset = presets[read.oneOf('preset', Object.keys(presets) as (keyof typeof presets)[], 'lan')]
  const heartbeatIntervalMs = read.number('heartbeatIntervalMS', 20, 60_000, preset.heartbeatIntervalMs)
  const phi = read.phi()
  const pauseMs = preset.pauseMs ?? Math.max(300, 1.5 * heartbeatIntervalMs)
  const address = parseHost(read.text('address') ?? '127.0.0.1')
  if (isUnspecified(address)) throw refuse('address', address, 'one that others can reach (see bind)')
  const bind = read.text('bind')
  const addressMap = read.table('addressMap')
  addressLookup(addressMap)
  const maxKeyBytes = read.whole('maxKeyBytes', 1, 16_384, defaultConfig.maxKeyBytes)
  const frameAsked = read.whole('maxFrameBytes', 1 << 16, 2 ** 31, 0)
  const frameBytesBeside = maxKeyBytes + frameOverheadBytes
  const valueMax = Math.min(2 ** 30, frameAsked === 0 ? Infinity : frameAsked - frameBytesBeside)
  const maxValueBytes = read.whole('maxValueBytes', 16, valueMax, Math.min(valueMax, defaultConfig.maxValueBytes))
  const cluster = read.text('cluster', 255) ?? defaultConfig.cluster
  const transport = read.withMethods('transport', options.transport, ['open', 'sendDatagram', 'sendFrame', 'close'])
  const security = checkSecurity(options, cluster, address)
  if (security !== undefined && transport !== undefined && transport.renew === undefined) {
    throw new TelepathineError('ERR_OPTION', 'options network and tls are for sockets, not for the transport given')
  }
  const settings: Settings = {
    gossip: Object.freeze({
      ...defaultConfig,
      cluster,
      metadata: encodeMetadata(options.metadata),
      // A key for datagrams would be known to all, and so undo what certificates prove.
      udp: read.flag('udp', true) && !(security instanceof Certificates),
      identified: security instanceof Certificates,
      maxDatagramBytes: defaultConfig.maxDatagramBytes - (security instanceof Keyring ? sealBytes : 0),
      gossipIntervalMs: read.number('gossipIntervalMS', 20, 600_000, preset.gossipIntervalMs),
      heartbeatIntervalMs,
      phiThreshold: phi.number('threshold', 1, 100, defaultConfig.phiThreshold),
      acceptablePauseMs: phi.number('acceptablePauseMS', 0, 600_000, pauseMs),
      minDeviationMs: phi.number('minDeviationMS', 1, 60_000, Math.max(20, heartbeatIntervalMs / 4)),
      suspicionMinMs: 0.8 * heartbeatIntervalMs,
      suspicionMaxMs: 5 * heartbeatIntervalMs,
      forgetAfterMs: read.number('forgetAfterMS', 1_000, Number.MAX_SAFE_INTEGER, defaultConfig.forgetAfterMs),
      maxFrameBytes: frameAsked || Math.max(defaultConfig.maxFrameBytes, maxValueBytes + frameBytesBeside),
      maxKeyBytes,
      maxValueBytes: maxValueBytes + stampBytes,
      maxStateBytes: read.whole('maxStateBytes', 1 << 16, Number.MAX_SAFE_INTEGER, defaultConfig.maxStateBytes),
      maxEventBytes: read.whole('maxEventBytes', 1 << 16, Number.MAX_SAFE_INTEGER, defaultConfig.maxEventBytes),
      maxPeers: read.whole('maxPeers', 1, 1_000_000, defaultConfig.maxPeers),
    }),
    maxValueBytes,
    address,
    bind: bind === undefined ? bindFor(address) : parseHost(bind),
    http: checkHTTP(read, address),
    addressMap,
    security,
    emitValueOnHeartBeat: read.flag('emitValueOnHeartBeat', false),
    snapshot: read.text('snapshot'),
    clock: read.withMethods('clock', options.clock, ['now', 'wall', 'after', 'soon']),
    random: read.withMethods('random', options.random, ['below', 'unit', 'fork']),
    transport,
  }
  return Object.freeze(settings)
}

const optionNames: readonly (keyof TelepathineOptions)[] = [
  'address', 'bind', 'addressMap', 'cluster', 'network', 'tls', 'http', 'udp', 'preset', 'gossipIntervalMS',
  'heartbeatIntervalMS', 'phi', 'forgetAfterMS', 'emitValueOnHeartBeat', 'metadata', 'maxKeyBytes', 'maxValueBytes',
  'maxFrameBytes', 'maxPeers', 'maxStateBytes', 'maxEventBytes', 'snapshot', 'clock', 'random', 'transport',
]

const keyLengthMin = 16
const keyLengthMax = 4_096
const keysMax = 8

/**
 * Checks a pre-shared key, or a list of them. Says what is wrong with them without showing them.
 *
 * @throws TelepathineError `ERR_OPTION`
 */
export function checkKeys(network: unknown): readonly string[] {
  const keys: readonly unknown[] = Array.isArray(network) ? network : [network]
  const complain = (what: string): TelepathineError => {
    const allowed = `a string of ${keyLengthMin} characters or more, or a list of 1 to ${keysMax} of them`
    return new TelepathineError('ERR_OPTION', `option network: ${what} given, allowed: ${allowed}`)
  }
  if (keys.length === 0 || keys.length > keysMax) throw complain(`a list of ${keys.length}`)
  for (const key of keys) {
    if (typeof key !== 'string') throw complain(key === null ? 'null' : `a ${typeof key}`)
    if (key.length < keyLengthMin || key.length > keyLengthMax) throw complain(`a key of ${key.length} characters`)
  }
  return keys as readonly string[]
}

/**
 * Checks certificates as far as that can be done alone.
 *
 * @throws TelepathineError `ERR_OPTION` says what is wrong with them without showing them
 */
export function checkCertificates<T>(tls: unknown, use: (options: CertificateOptions) => T): T {
  const names: readonly (keyof CertificateOptions)[] = ['cert', 'key', 'ca']
  if (typeof tls !== 'object' || tls === null) {
    const allowed = `an object with ${names.join(', ')}`
    throw new TelepathineError('ERR_OPTION', `option tls: a ${typeof tls} given, allowed: ${allowed}`)
  }
  const read = new OptionReader(tls, names, 'tls.')
  for (const name of names) {
    const value = read.value(name)
    if ((typeof value === 'string' || value instanceof Uint8Array) && value.length > 0) continue
    throw new TelepathineError('ERR_OPTION', `option tls.${name}: allowed: a PEM text, as a string or a Buffer`)
  }
  try {
    return use(tls as CertificateOptions)
  } catch (error) {
    throw new TelepathineError('ERR_OPTION', `option tls: ${(error as Error).message}`, { cause: error })
  }
}

function checkSecurity(options: TelepathineOptions, cluster: string, address: string): Security | undefined {
  const { network, tls } = options
  if (network !== undefined && tls !== undefined) {
    throw new TelepathineError('ERR_OPTION', 'options network and tls: both given, allowed: one of them')
  }
  if (network !== undefined) return new Keyring(checkKeys(network), cluster)
  return tls === undefined ? undefined : checkCertificates(tls, (checked) => new Certificates(checked, address))
}

const tokenLengthMin = 8

function checkHTTP(options: OptionReader, address: string): HTTPSettings | undefined {
  const value = options.value('http') ?? false
  if (value === false) return undefined
  const names = [
    'token', 'private', 'hosts', 'maxBodyBytes', 'legacy', 'processMetrics',
  ] satisfies (keyof HTTPOptions)[]
  const read = new OptionReader(value === true ? {} : value, names, 'http.')
  const token = read.text('token')
  if (token !== undefined && (token.length < tokenLengthMin || /[^\x21-\x7e]/.test(token))) {
    const allowed = `${tokenLengthMin} or more, no spaces`
    throw new TelepathineError('ERR_OPTION', `option http.token: ${token.length} characters given, allowed: ${allowed}`)
  }
  return Object.freeze({
    token,
    private: read.flag('private', false),
    hosts: [address, ...read.texts('hosts').map(parseHost)],
    maxBodyBytes: read.whole('maxBodyBytes', 1_024, 2 ** 30, 1 << 20),
    legacy: read.flag('legacy', false),
    processMetrics: read.flag('processMetrics', false),
  })
}

function encodeMetadata(metadata: unknown): Uint8Array {
  if (metadata === undefined) return defaultConfig.metadata
  return Uint8Array.from(encodeValue(metadata, metadataBytesMax))
}

/** Where to listen for an address that others use: on it if it is ours, otherwise everywhere. */
function bindFor(address: string): string {
  if (isLoopback(address)) return address
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
  if (own.some((entry) => parseHost(entry.address.replace(/%.*/, '')) === address)) return address
  return familyOf(address) === 6 ? '::' : '0.0.0.0'
}

/** Whether that is no address of one machine, but stands for all that it has. Expects a canonical host. */
export function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Reads options of a given type, and says what is wrong with those that are not. */
class OptionReader {
  readonly #options: Readonly<Record<string, unknown>>
  readonly #prefix: string

  constructor(options: unknown, names: readonly string[], prefix: string) {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw refuse(prefix === '' ? 'options' : prefix.slice(0, -1), options, 'an object')
    }
    this.#options = options as Record<string, unknown>
    this.#prefix = prefix
    for (const name of Object.keys(options)) {
      if (names.includes(name)) continue
      const near = names.reduce((best, other) => (distance(name, other) < distance(name, best) ? other : best))
      throw new TelepathineError('ERR_OPTION', `unknown option ${prefix}${name}: the nearest known is ${prefix}${near}`)
    }
  }

  value(name: string): unknown {
    return this.#options[name]
  }

  number(name: string, min: number, max: number, otherwise: number): number {
    const value = this.#options[name]
    if (value === undefined) return otherwise
    if (typeof value === 'number' && value >= min && value <= max) return value
    throw this.#refuse(name, `a number in ${min}..${max}`)
  }

  whole(name: string, min: number, max: number, otherwise: number): number {
    const value = this.number(name, min, max, otherwise)
    if (Number.isInteger(value)) return value
    throw this.#refuse(name, `a whole number in ${min}..${max}`)
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.#options[name] ?? otherwise
    if (typeof value === 'boolean') return value
    throw this.#refuse(name, 'true or false')
  }

  text(name: string, lengthMax = 4_096): string | undefined {
    const value = this.#options[name]
    if (value === undefined) return undefined
    if (typeof value === 'string' && value.length > 0 && value.length <= lengthMax) return value
    throw this.#refuse(name, `a string of 1 to ${lengthMax} characters`)
  }

  texts(name: string): readonly string[] {
    const value = this.#options[name] ?? []
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
    throw this.#refuse(name, 'a list of strings')
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
    const value = this.#options[name] ?? otherwise
    const found = allowed.find((item) => item === value)
    if (found === undefined) throw this.#refuse(name, allowed.join(', '))
    return found
  }

  table(name: string): Readonly<Record<string, string>> {
    const value = this.#options[name] ?? {}
    if (typeof value === 'object' && Object.values(value).every((to) => typeof to === 'string')) {
      return Object.freeze({ ...(value as Record<string, string>) })
    }
    throw this.#refuse(name, 'an object that maps host to host or host:port to host:port')
  }

  phi(): OptionReader {
    const value = this.#options['phi'] ?? {}
    const names = ['threshold', 'acceptablePauseMS', 'minDeviationMS'] satisfies (keyof PhiOptions)[]
    return new OptionReader(typeof value === 'number' ? { threshold: value } : value, names, 'phi.')
  }

  withMethods<T>(name: string, value: T | undefined, methods: readonly string[]): T | undefined {
    if (value === undefined) return undefined
    const object = value as Record<string, unknown> | null
    if (object && methods.every((method) => typeof object[method] === 'function')) return value
    throw this.#refuse(name, `an object with the methods ${methods.join(', ')}`)
  }

  #refuse(name: string, allowed: string): TelepathineError {
    return refuse(`${this.#prefix}${name}`, this.#options[name], allowed)
  }
}

function refuse(name: string, value: unknown, allowed: string): TelepathineError {
  return new TelepathineError('ERR_OPTION', `option ${name}: ${describe(value)} given, allowed: ${allowed}`)
}

/** How many letters must be changed, added or taken out to make one word of the other (Levenshtein), capitals aside. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1]?.toLowerCase() === b[j - 1]?.toLowerCase()
      row[j] = Math.min((above[j - 1] ?? 0) + (same ? 0 : 1), (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
    }
  }
  return row[b.length] ?? 0
}
