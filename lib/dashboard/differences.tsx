import type { PeerRow, RumourRow } from '../http/live/protocol.js'
import { plural, some, span, visible } from './format.js'
import { useFeed, useNow, useShared } from './hooks.js'
import { Panel, State, Text } from './text.js'

/** A peer of whom something is said. */
interface Case {
  readonly about: string
  readonly peer: PeerRow | undefined
  /** The latest first. */
  readonly rumours: readonly RumourRow[]
  /** Whether somebody thinks worse of it than we do, and has heard nothing since that would speak against it. */
  readonly isOpen: boolean
}

/** Cases shown; and speakers named for each. */
const casesMax = 40
const namedMax = 3

/** How bad it is. */
const severity = { alive: 0, left: 0, suspect: 1, dead: 2 } as const

/** Who is seen differently by whom: what peers said of each other in the last minute, and what became of it. */
export function Differences() {
  const { mirror } = useFeed('rumours', 'peers', 'status')
  const now = useNow()
  const cases = casesOf([...mirror.rumours.values()], mirror.peers)
  const open = cases.filter(({ isOpen }) => isOpen).length
  return (
    <Panel title="Who sees whom differently" className="differences"
      note={cases.length === 0 ? undefined : open === 0 ? 'all agree' : `${plural(open, 'peer')} in dispute`}>
      <div class="scroll" tabIndex={0} role="region" aria-label="Suspicions and verdicts">
        {cases.length === 0 && <p class="empty">Nobody has doubted anybody in the last minute.</p>}
        {cases.length > 0 && <ul class="cases">
          {cases.slice(0, casesMax).map((each) => <CaseOf key={each.about} {...each} now={now} />)}
          {cases.length > casesMax && <li class="faint">and {cases.length - casesMax} more</li>}
        </ul>}
      </div>
    </Panel>
  )
}

function CaseOf({ about, peer, rumours, isOpen, now }: Case & { readonly now: number }) {
  const { choose } = useShared()
  return (
    <li>
      <div>
        <button type="button" class="plain" onClick={() => choose(about)}><Text of={about} /></button>
        {peer ? <> here <State of={peer.state} /></> : <span class="faint"> unknown here</span>}
        {!isOpen && rumours.some(({ verdict }) => verdict !== 'alive') && <span class="faint"> · agreed</span>}
      </div>
      <ul>
        <Said verdict="dead" among={rumours} now={now} />
        <Said verdict="suspect" among={rumours} now={now} />
        <Said verdict="alive" among={rumours} now={now} />
      </ul>
    </li>
  )
}

const words = { dead: 'dead to', suspect: 'suspected by', alive: 'answered itself' } as const

/** Who says the same. */
function Said({ verdict, among, now }: {
  readonly verdict: RumourRow['verdict']
  readonly among: readonly RumourRow[]
  readonly now: number
}) {
  const said = among.filter((rumour) => rumour.verdict === verdict)
  const [latest] = said
  if (!latest) return null
  const names = some(said.map(({ by }) => visible(by)), namedMax)
  const isOver = verdict !== 'alive' && said.every(({ stands }) => !stands)
  return (
    <li>
      <span class={`word ${verdict}`}>{words[verdict]}</span> {verdict !== 'alive' && <bdi>{names}</bdi>}
      {isOver && ', until it was heard'} <span class="faint">{span(now - latest.at)} ago</span>
    </li>
  )
}

/** Open cases first, then the latest. */
function casesOf(rumours: readonly RumourRow[], peers: ReadonlyMap<string, PeerRow>): Case[] {
  const about = new Map<string, RumourRow[]>()
  for (const rumour of rumours) about.set(rumour.about, [...(about.get(rumour.about) ?? []), rumour])
  const cases = [...about].map(([name, said]) => ({
    about: name,
    peer: peers.get(name),
    rumours: said.sort((a, b) => b.at - a.at),
    isOpen: said.some(({ verdict, stands }) => {
      return stands && severity[verdict] > severity[peers.get(name)?.state ?? 'dead']
    }),
  }))
  return cases.sort((a, b) => {
    return Number(b.isOpen) - Number(a.isOpen) || (b.rumours[0]?.at ?? 0) - (a.rumours[0]?.at ?? 0)
  })
}
