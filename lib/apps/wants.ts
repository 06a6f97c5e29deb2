import { createHash, randomBytes } from 'node:crypto'
import type { Telepathine } from '../telepathine.js'
import { checkAppName } from './spec.js'

/**
 * What the cluster is to do with an app. Every app host believes in the same one, and holds it as a key of its own: so
 * it outlives whoever gave the order, and reaches those who join later.
 */
export interface Want {
  /** Whether it is to run. */
  readonly run: boolean
  /** Tells one order from another, so that those who wait can see who has followed. */
  readonly order: string
  /** On so many peers; undefined: on all. */
  readonly peers: number | undefined
  /** The manifest's hash; undefined: what each peer has in its own folder. */
  readonly hash: string | undefined
  /** The manifest's version. */
  readonly version: number | undefined
}

/** How far one peer is with an app. */
export interface Standing {
  /** `fetching` the code, `starting`, `running`, `waiting` to be started again, `failed`, `stopped`. */
  readonly state: 'fetching' | 'starting' | 'running' | 'waiting' | 'failed' | 'stopped'
  /** The order that it follows. */
  readonly order: string
  /** What it runs, or ran last; undefined for one of its own folder. */
  readonly version: number | undefined
  /** The manifest that it can give to others; undefined: none. */
  readonly holds: string | undefined
  /** What went wrong. */
  readonly error: string | undefined
}

/** Keys that say what is wanted, and how far each peer is; the app's name follows. */
export const wantKey = 'apps:want:'
export const standingKey = 'apps:at:'

const states: readonly unknown[] = ['fetching', 'starting', 'running', 'waiting', 'failed', 'stopped']
const peersMax = 100_000

/** A new order. */
export function newOrder(): string {
  return randomBytes(8).toString('hex')
}

/** Reads what some peer set; undefined when it makes no sense. */
export function readWant(value: unknown): Want | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { run, order, peers, hash, version } = value as Partial<Record<keyof Want, unknown>>
  if (typeof run !== 'boolean' || typeof order !== 'string' || !/^[0-9a-f]{16}$/.test(order)) return undefined
  if (peers !== undefined && !isWhole(peers, peersMax)) return undefined
  if (hash !== undefined && (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash))) return undefined
  if (version !== undefined && !isWhole(version, Number.MAX_SAFE_INTEGER)) return undefined
  return { run, order, peers, hash, version }
}

/** As {@link readWant}. */
export function readStanding(value: unknown): Standing | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { state, order, version, holds, error } = value as Partial<Record<keyof Standing, unknown>>
  if (!states.includes(state) || typeof order !== 'string') return undefined
  return {
    state: state as Standing['state'],
    order,
    version: isWhole(version, Number.MAX_SAFE_INTEGER) ? version : undefined,
    holds: typeof holds === 'string' ? holds : undefined,
    error: typeof error === 'string' ? error.slice(0, 2_000) : undefined,
  }
}

/** The apps that something is wanted of, as this peer knows. */
export function wantedApps(peer: Telepathine): string[] {
  const names = peer.keys().flatMap((key) => (key.startsWith(wantKey) ? [key.slice(wantKey.length)] : []))
  return names.filter(isName)
}

/**
 * Who is to run an app that is wanted on some peers only: the same ones by everybody's reckoning, without a word
 * between them, and hardly any others when one comes or goes (rendezvous hashing).
 */
export function chosenPeers(app: string, want: Want, hosts: readonly string[]): readonly string[] {
  if (want.peers === undefined || want.peers >= hosts.length) return hosts
  const ranked = hosts.map((peer) => ({ peer, rank: createHash('sha256').update(`${app}\n${peer}`).digest('hex') }))
  return ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1)).slice(0, want.peers).map(({ peer }) => peer)
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= max
}

function isName(name: string): boolean {
  try {
    return checkAppName(name) === name
  } catch {
    return false
  }
}
