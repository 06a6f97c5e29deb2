import type { PeerRow, RumourRow } from '../http/live/protocol.js'
import { shortNames } from './diagnosis.js'
import { count, some } from './format.js'
import { useFeed, useShared } from './hooks.js'
import { Shape } from './text.js'

/** The drawing is so many units wide and high; the ring in it has this radius. */
const size = 400
const radius = 138
/** Up to so many peers all have their names at them; of more, only those that matter. */
const namedMax = 32
const labelsMax = 14
const labelLengthMax = 22
const lineHeight = 13
/** More lines than these are drawn faintly. */
const chordsMany = 60

/** A peer's place in the drawing. */
interface Spot {
  readonly peer: PeerRow
  readonly angle: number
  readonly x: number
  readonly y: number
}

/**
 * The cluster on its ring: the peers in the order in which each follows and watches the next. A halo grows with phi
 * around those that are watched from here; lines lead from who suspects to who is suspected.
 */
export function Ring() {
  const { mirror } = useFeed('peers', 'rumours', 'status')
  const { chosen, choose } = useShared()
  const { self } = mirror
  const peers = [...mirror.peers.values()].sort((a, b) => a.place - b.place)
  const spots = new Map(peers.map((peer, i) => [peer.key, spotOf(peer, (i / peers.length) * 2 * Math.PI)]))
  const short = shortNames(peers.map(({ key }) => key))
  const labelled = new Set(toLabel(peers, self?.name, chosen))
  const named = [...spots.values()].filter(({ peer }) => labelled.has(peer.key))
  const dot = Math.max(3, Math.min(8, 260 / peers.length))
  const by = (state: PeerRow['state']): number => peers.filter((peer) => peer.state === state).length
  const live = by('alive') + by('suspect')
  const all = peers.length - by('left')
  const bad = (['suspect', 'dead', 'left'] as const).filter((state) => by(state) > 0)
  const troubled = peers.filter(({ state }) => state === 'dead' || state === 'suspect').map(({ key }) => short(key))
  const label = `${live} of ${all} peers alive${troubled.length > 0 ? `; in trouble: ${some(troubled, 5)}` : ''}`
  return (
    <svg class="ring" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label}>
      <circle class="track" cx={size / 2} cy={size / 2} r={radius} />
      <g class={mirror.rumours.size > chordsMany ? 'many' : ''}>
        {[...mirror.rumours.values()].map((rumour) => <Chord key={rumour.key} rumour={rumour} spots={spots} />)}
      </g>
      {[...spots.values()].map((spot) => {
        const { peer, x, y } = spot
        const { key, state, phi } = peer
        const heat = Math.min(1, (phi ?? 0) / (self?.phiThreshold ?? 8))
        return (
          <g key={key} class={`spot${key === chosen ? ' chosen' : ''}`} transform={`translate(${x} ${y})`}
            onClick={() => choose(key === chosen ? undefined : key)}>
            <title>{`${key}: ${state}${phi === null ? '' : `, phi ${phi}`}`}</title>
            <circle class="target" r={Math.max(dot + 3, 8)} />
            {heat > 0.02 && <circle class="halo" r={dot + 2 + heat * 12} />}
            {key === self?.name && <circle class="own" r={dot + 3.5} />}
            {key === chosen && <circle class="choice" r={dot + 6} />}
            <Shape state={state} size={state === 'alive' ? dot : Math.max(dot, 4.5)} />
          </g>
        )
      })}
      {labelsOf(named, dot).map(({ peer, x, y, anchor }) => (
        <text key={peer.key} class={`name ${peer.state}${peer.key === self?.name ? ' self' : ''}`} text-anchor={anchor}
          x={x} y={y}>{cut(short(peer.key))}</text>
      ))}
      <text class="figure" x={size / 2} y={size / 2 + 8}>{count(live)}<tspan class="of"> / {count(all)}</tspan></text>
      <text class="caption" x={size / 2} y={size / 2 + 28}>alive</text>
      <text class={`caption ${by('dead') > 0 ? 'bad' : 'warn'}`} x={size / 2} y={size / 2 + 46}>{
        bad.map((state) => `${by(state)} ${state}`).join(' · ')
      }</text>
    </svg>
  )
}

function spotOf(peer: PeerRow, angle: number): Spot {
  const x = size / 2 + radius * Math.sin(angle)
  const y = size / 2 - radius * Math.cos(angle)
  return { peer, angle, x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10 }
}

/** Whose names stand at the ring. */
function toLabel(peers: readonly PeerRow[], self: string | undefined, chosen: string | undefined): string[] {
  if (peers.length <= namedMax) return peers.map(({ key }) => key)
  const troubled = peers.filter(({ state }) => state === 'suspect' || state === 'dead').map(({ key }) => key)
  const first = [self, chosen].filter((name) => name !== undefined)
  return [...first, ...(troubled.length <= labelsMax ? troubled : [])]
}

/** Where names stand: beside their peers, and below one another. */
function labelsOf(spots: readonly Spot[], dot: number) {
  const distance = radius + dot + 11
  const labels = spots.map(({ peer, angle }) => {
    const sine = Math.sin(angle)
    const anchor = Math.abs(sine) < 0.04 ? ('middle' as const) : sine > 0 ? ('start' as const) : ('end' as const)
    return { peer, anchor, x: size / 2 + distance * sine, y: size / 2 - distance * Math.cos(angle) + 3.5 }
  })
  for (const side of ['start', 'end']) {
    // from above and below towards the middle, where there is room
    for (const way of [1, -1]) {
      const half = labels.filter(({ anchor, y }) => anchor === side && (y < size / 2) === (way === 1))
      half.sort((a, b) => (a.y - b.y) * way)
      for (const [i, label] of half.entries()) {
        const before = half[i - 1]
        if (before && (label.y - before.y) * way < lineHeight) label.y = before.y + lineHeight * way
      }
    }
  }
  return labels
}

function cut(text: string): string {
  return text.length > labelLengthMax ? `${text.slice(0, labelLengthMax - 1)}…` : text
}

/** Who suspects whom. */
function Chord({ rumour, spots }: { readonly rumour: RumourRow; readonly spots: ReadonlyMap<string, Spot> }) {
  const { by, about, verdict, stands } = rumour
  const from = spots.get(by)
  const to = spots.get(about)
  if (!from || !to || !stands || verdict === 'alive' || from === to) return null
  const middle = size / 2
  const bend = (a: number, b: number): number => Math.round((a + b + 2 * middle) / 4)
  const path = `M${from.x} ${from.y}Q${bend(from.x, to.x)} ${bend(from.y, to.y)} ${to.x} ${to.y}`
  return <path class={`chord ${verdict}`} d={path} />
}
