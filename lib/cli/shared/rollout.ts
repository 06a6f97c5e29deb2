import type { AppInfo } from '../../apps/index.js'
import type { PeerClient } from './client.js'
import { plain, print, type Progress } from './output.js'

/** How often it is asked how far the peers are. */
const pollMs = 150
/** Peers that are to follow may still have to hear of the order. */
const settleMs = 1_000

/** What a peer came to. */
export interface Outcome {
  readonly state: string
  readonly version?: number
  readonly error?: string
}

/** How an order went: what each peer came to. */
export interface Rollout {
  readonly app: string
  readonly order: string
  /** By peer. */
  readonly peers: Readonly<Record<string, Outcome>>
  /** Whether every peer is where it was to be. */
  readonly complete: boolean
}

/**
 * Waits until every peer that follows an order has come to an end with it: it runs the app, or not, or cannot.
 *
 * @throws Error after `timeoutMs`, which names those that have not
 */
export async function follow(
  client: PeerClient, app: string, order: string, wanted: 'running' | 'stopped', timeoutMs: number, progress: Progress,
  interrupted: AbortSignal,
): Promise<Rollout> {
  const begunAt = Date.now()
  for (;;) {
    if (interrupted.aborted) throw new Error('interrupted; the peers go on without this command')
    const info = (await client.ask(`/apps/${app}`)) as AppInfo
    if (info.want.order !== order) throw new Error(`another order for ${app} came in between: ${info.want.order}`)
    const followers = wanted === 'running' ? info.chosen : Object.keys(info.peers)
    const ends = followers.map((peer) => [peer, info.peers[peer]] as const)
    const settled = ends.filter(([, standing]) => standing?.order === order && isSettled(standing.state, wanted))
    const rest = restOf(ends.map(([, at]) => at), order, wanted)
    progress.show(`${app}: ${settled.length} of ${followers.length} peers${rest}`)
    const isOld = Date.now() - begunAt > settleMs
    const isDone = settled.length === followers.length && (isOld || settled.every(([, at]) => at?.state === wanted))
    if (isDone && (followers.length > 0 || isOld)) {
      progress.clear()
      const peers = Object.fromEntries(settled.map(([peer, at]) => [peer, report(at)]))
      return { app, order, peers, complete: settled.every(([, at]) => at?.state === wanted) }
    }
    if (Date.now() - begunAt > timeoutMs) {
      progress.clear()
      const late = ends.filter(([, at]) => at?.order !== order || !isSettled(at.state, wanted)).map(([peer]) => peer)
      throw new Error(`not done after ${timeoutMs / 1_000} s at ${late.join(', ')}; it goes on without this command`)
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** Prints a line for each peer, and one for all. Whether it went well. */
export function summarize({ app, peers, complete }: Rollout, wanted: 'running' | 'stopped'): boolean {
  const rows = Object.entries(peers).toSorted(([a], [b]) => (a < b ? -1 : 1))
  for (const [peer, { state, version, error }] of rows) {
    const which = version === undefined || state !== 'running' ? '' : ` version ${version}`
    print(plain(`${peer}  ${state}${which}${error === undefined ? '' : `: ${error}`}`))
  }
  const count = rows.filter(([, { state }]) => state === wanted).length
  print(`${app} ${wanted === 'running' ? 'runs' : 'is stopped'} on ${count} of ${rows.length} peers`)
  return complete
}

type At = AppInfo['peers'][string] | undefined

/** What those are at that are not done: `, 3 fetching, 1 ready`. */
function restOf(ends: readonly At[], order: string, wanted: 'running' | 'stopped'): string {
  const counts = new Map<string, number>()
  for (const at of ends) {
    if (at?.order === order && !isSettled(at.state, wanted)) counts.set(at.state, (counts.get(at.state) ?? 0) + 1)
  }
  return [...counts].map(([state, count]) => `, ${count} ${state}`).join('')
}

function isSettled(state: string, wanted: 'running' | 'stopped'): boolean {
  return state === wanted || state === 'failed'
}

function report(at: At): Outcome {
  const { state = 'unknown', version, error } = at ?? {}
  return { state, ...(version !== undefined && { version }), ...(error !== undefined && { error }) }
}
