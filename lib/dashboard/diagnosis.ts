import type { PeerRow, RumourRow } from '../http/live/protocol.js'
import { clock, plural, some, visible } from './format.js'

/** What somebody who looks should know first: how bad it is, and why, in sentences. */
export interface Diagnosis {
  readonly level: 'good' | 'warn' | 'bad'
  readonly lines: readonly string[]
}

/** Peers that fell silent within so many milliseconds fell silent together. */
const togetherMs = 10_000
/** Fewer than these are no pattern. */
const togetherMin = 3
const togetherShare = 0.1

/** Says in words how a cluster is, as one peer sees it. */
export function diagnose(self: string, peers: readonly PeerRow[], rumours: readonly RumourRow[]): Diagnosis {
  const dead = peers.filter(({ state }) => state === 'dead')
  const suspects = peers.filter(({ state }) => state === 'suspect')
  const known = peers.filter(({ state }) => state !== 'left')
  const lines = [
    ...deadLines(known, dead),
    ...suspects.map(({ key }) => suspectLine(key, self, rumours)).slice(0, 3),
    ...(suspects.length > 3 ? [`${suspects.length - 3} more are suspected.`] : []),
    ...doubtLines(self, rumours),
  ]
  if (dead.length > 0) return { level: 'bad', lines }
  if (lines.length > 0) return { level: 'warn', lines }
  if (known.length < 2) return { level: 'warn', lines: ['This peer is alone: it has met no other yet.'] }
  return { level: 'good', lines: [`All ${known.length} peers are alive, and nobody doubts anybody.`] }
}

function deadLines(known: readonly PeerRow[], dead: readonly PeerRow[]): string[] {
  if (dead.length === 0) return []
  const isAre = dead.length === 1 ? 'is' : 'are'
  const names = some(dead.map(({ key }) => visible(key)))
  const lines = [`${dead.length} of ${plural(known.length, 'peer')} ${isAre} dead: ${names}.`]
  if (dead.length * 2 >= known.length) {
    lines.push('That is half of the cluster or more: this peer may be on the smaller side of a partition.')
  }
  const hosts = new Map<string, PeerRow[]>()
  for (const peer of known) hosts.set(hostOf(peer.key), [...(hosts.get(hostOf(peer.key)) ?? []), peer])
  const lost = [...hosts].filter(([, all]) => all.length > 1 && all.every(({ state }) => state === 'dead'))
  for (const [host, all] of lost.slice(0, 3)) lines.push(`All ${all.length} peers of host ${visible(host)} are dead.`)
  const together = largestGroup(dead)
  const [first] = together
  const isPattern = together.length >= Math.max(togetherMin, known.length * togetherShare)
  if (first && isPattern && lost.length === 0) {
    lines.push(
      `${together.length} of them fell silent together, at ${clock(first.since)}: ` +
      'a partition, or something that they share has failed.',
    )
  }
  return lines
}

/** Those that fell silent within `togetherMs`, where they are most. */
function largestGroup(dead: readonly PeerRow[]): readonly PeerRow[] {
  const sorted = [...dead].sort((a, b) => a.since - b.since)
  let best: readonly PeerRow[] = []
  let from = 0
  for (const [to, { since }] of sorted.entries()) {
    while (since - (sorted[from]?.since ?? since) > togetherMs) from++
    if (to + 1 - from > best.length) best = sorted.slice(from, to + 1)
  }
  return best
}

function suspectLine(peer: string, self: string, rumours: readonly RumourRow[]): string {
  const by = rumours.filter(({ about, verdict, stands }) => about === peer && verdict === 'suspect' && stands)
  const names = by.map((rumour) => (rumour.by === self ? 'this peer' : visible(rumour.by)))
  return `${visible(peer)} is suspected${names.length > 0 ? ` by ${some(names, 2)}` : ''}.`
}

function doubtLines(self: string, rumours: readonly RumourRow[]): string[] {
  const doubts = rumours.filter(({ about, verdict, stands }) => about === self && verdict !== 'alive' && stands)
  const names = doubts.map(({ by }) => visible(by))
  return names.length > 0 ? [`This peer itself is doubted by ${some(names)}.`] : []
}

/** The host of a peer's name. */
export function hostOf(name: string): string {
  return name.slice(0, name.lastIndexOf(':'))
}

/** A name as short as it can be told from the others: the port alone where all share one host. */
export function shortNames(names: readonly string[]): (name: string) => string {
  const isOneHost = new Set(names.map(hostOf)).size <= 1
  return (name) => visible(isOneHost ? name.slice(hostOf(name).length) : name)
}
