import { createHash, randomBytes } from 'node:crypto'
import { isAppName } from './spec.js'

/**
 * What the cluster is to do with an app. Every app host believes in the same one, and holds it as a key of its own: so
 * it outlives whoever gave the order, and reaches those who join later.
 */
export interface Want {
  /** Whether it is to run. */
  readonly run: boolean
  /** Tells one order from another, so that those who wait can see who has followed. */
  readonly order: string
  /** When it was given, unix ms, later than the one before: of two orders the later counts, whoever heard it when. */
  readonly at: number
  /** On so many peers; undefined: on all. */
  readonly peers: number | undefined
  /** The manifest's hash; undefined: what each peer has in its own folder. */
  readonly hash: string | undefined
  /** The manifest's version. */
  readonly version: number | undefined
}

/** How far one peer is with an app. */
export interface Standing {
  /**
   * `fetching` the code; `ready`, until the first peer has it running; `starting`, `running`, `waiting` to be started
   * again after a crash, `failed`, `stopped`.
   */
  readonly state: 'fetching' | 'ready' | 'starting' | 'running' | 'waiting' | 'failed' | 'stopped'
  /** The order that it follows. */
  readonly order: string
  /** What it runs, or ran last; undefined for one of its own folder. */
  readonly version: number | undefined
  /** The manifest that it can give to others; undefined: none. */
  readonly holds: string | undefined
  /** What went wrong. */
  readonly error: string | undefined
  /** Whether the app was started here for this order: if it failed then, it is the app that failed, not this peer. */
  readonly tried: boolean
}

/** Keys that say what is wanted, and how far each peer is; the app's name follows. */
export const wantKey = 'apps:want:'
export const standingKey = 'apps:at:'

/** The states that there are. */
export const standingStates: readonly Standing['state'][] = [
  'fetching', 'ready', 'starting', 'running', 'waiting', 'failed', 'stopped',
]
const peersMax = 100_000
/** Longest text of what went wrong that is told to others. */
export const errorLengthMax = 2_000
/** How far others' clocks may be ahead of ours: an order of a distant future could never be followed by another. */
const aheadMsMax = 86_400_000

/** A new order, to follow the one before. */
export function newOrder(before: Want | undefined, now: number): Pick<Want, 'order' | 'at'> {
  return { order: randomBytes(8).toString('hex'), at: Math.max(now, (before?.at ?? 0) + 1) }
}

/** Whether an order counts more than another: a total order, so that all end up with the same. */
export function isLater(a: Want, b: Want | undefined): boolean {
  return b === undefined || a.at > b.at || (a.at === b.at && a.order > b.order)
}

/** Reads what some peer set; undefined when it makes no sense. */
export function readWant(value: unknown, now: number): Want | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { run, order, at, peers, hash, version } = value as Partial<Record<keyof Want, unknown>>
  if (!isWhole(at, now + aheadMsMax)) return undefined
  if (typeof run !== 'boolean' || typeof order !== 'string' || !/^[0-9a-f]{16}$/.test(order)) return undefined
  if (peers !== undefined && !isWhole(peers, peersMax)) return undefined
  if (hash !== undefined && (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash))) return undefined
  if (version !== undefined && !isWhole(version, Number.MAX_SAFE_INTEGER)) return undefined
  return { run, order, at, peers, hash, version }
}

/** As {@link readWant}. */
export function readStanding(value: unknown): Standing | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { state, order, version, holds, error, tried } = value as Partial<Record<keyof Standing, unknown>>
  if (!standingStates.includes(state as Standing['state']) || typeof order !== 'string') return undefined
  return {
    state: state as Standing['state'],
    order,
    version: isWhole(version, Number.MAX_SAFE_INTEGER) ? version : undefined,
    holds: typeof holds === 'string' ? holds : undefined,
    error: typeof error === 'string' ? error.slice(0, errorLengthMax) : undefined,
    tried: tried === true,
  }
}

/** The app that a key of wants is about; undefined when it is none. */
export function wantedApp(key: string): string | undefined {
  const name = key.slice(wantKey.length)
  return key.startsWith(wantKey) && isAppName(name) ? name : undefined
}

/**
 * Who is to run an app that is wanted on some peers only: the same ones by everybody's reckoning, without a word
 * between them, and hardly any others when one comes or goes (rendezvous hashing).
 */
export function chosenPeers(app: string, want: Want, hosts: readonly string[]): readonly string[] {
  if (want.peers === undefined || want.peers >= hosts.length) return hosts
  return rankedPeers(app, hosts).slice(0, want.peers)
}

/** Peers in the order in which they are to run an app. */
export function rankedPeers(app: string, peers: readonly string[]): string[] {
  const ranked = peers.map((peer) => ({ peer, rank: createHash('sha256').update(`${app}\n${peer}`).digest('hex') }))
  return ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ peer }) => peer)
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= max
}
