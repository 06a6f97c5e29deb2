import type { Standing } from './wants.js'

/**
 * Whether a peer may start what was deployed. One peer goes first; once it has had it running for a while all the
 * others follow, and if it fails there none of them do: what ran before runs on. A peer that does not even get to start
 * it (it takes no code, its disk is full) says nothing about the app: then the next one goes first.
 */
export type Turn =
  /** This peer goes first. */
  | { readonly kind: 'first' }
  /** It runs somewhere: go on. */
  | { readonly kind: 'next' }
  /** The first one is still at it. */
  | { readonly kind: 'wait' }
  /** It failed at the first one. */
  | { readonly kind: 'never'; readonly peer: string; readonly error: string }

/**
 * Says whose turn it is.
 *
 * @param chosen the peers that are to run it, the first in front
 * @param standingOf how far a peer is, as it tells itself
 */
export function turnOf(
  me: string, order: string, chosen: readonly string[], standingOf: (peer: string) => Standing | undefined,
): Turn {
  const at = (peer: string): Standing | undefined => {
    const standing = standingOf(peer)
    return standing?.order === order ? standing : undefined
  }
  if (chosen.some((peer) => peer !== me && at(peer)?.state === 'running')) return { kind: 'next' }
  const failed = (peer: string): Standing | undefined => (at(peer)?.state === 'failed' ? at(peer) : undefined)
  const first = chosen.find((peer) => peer === me || failed(peer)?.tried !== false) ?? me
  if (first === me) return { kind: 'first' }
  const standing = failed(first)
  if (!standing) return { kind: 'wait' }
  return { kind: 'never', peer: first, error: standing.error ?? 'it did not say why' }
}
