import { useMemo, useState } from 'preact/hooks'
import type { PeerRow } from '../http/live/protocol.js'
import { bytes, count, sortable, span } from './format.js'
import { useFeed, useNow, useShared } from './hooks.js'
import { List, sorted, type Column, type Sorting } from './list.js'
import { State, Text } from './text.js'

/** In which order states are shown: what needs somebody to look, first. */
const severity = { suspect: 0, dead: 1, alive: 2, left: 3 } as const

/** All peers, those in trouble first. */
export function Peers() {
  const { mirror } = useFeed('peers', 'status')
  const { chosen, choose } = useShared()
  const now = useNow()
  const [sorting, setSorting] = useState<Sorting>({ id: 'state', isDown: false })
  const [text, setText] = useState('')
  const { self } = mirror
  const columns = useMemo((): Column<PeerRow>[] => [
    { id: 'state', title: 'State', cell: ({ state }) => <State of={state} />, by: ({ state }) => severity[state] },
    {
      id: 'peer', title: 'Peer', by: ({ key }) => sortable(key),
      cell: ({ key }) => <>
        <button type="button" class="plain"><Text of={key} /></button>
        {key === self?.name && <span class="tag">this</span>}
      </>,
    },
    {
      id: 'phi', title: 'φ', by: ({ phi }) => phi ?? -1,
      cell: ({ phi }) => <Phi phi={phi} max={self?.phiThreshold} />,
    },
    { id: 'since', title: 'For', cell: ({ since }) => span(now - since), by: ({ since }) => -since },
    {
      id: 'keys', title: 'Keys', cell: ({ keys }) => (keys === null ? '…' : count(keys)), by: ({ keys }) => keys ?? -1,
    },
    { id: 'bytes', title: 'Size', cell: (peer) => bytes(peer.bytes), by: (peer) => peer.bytes },
    { id: 'version', title: 'Log', cell: ({ version }) => count(version), by: ({ version }) => version },
    { id: 'metadata', title: 'Metadata', cell: ({ metadata }) => <Text of={metadata} className="mono" /> },
  ], [self, now])
  const wanted = text.toLowerCase()
  const fitting = [...mirror.peers.values()].filter(({ key, state, metadata }) => {
    return wanted === '' || `${key} ${state} ${metadata}`.toLowerCase().includes(wanted)
  })
  const rows = sorted(fitting, columns, sorting, ({ key }) => sortable(key))
  return (
    <>
      <div class="bar">
        <input type="search" class="search" placeholder="Find a peer, a state, metadata" aria-label="Find peers"
          value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
        <span class="note">{rows.length === mirror.peers.size ? '' : `${rows.length} of `}{mirror.peers.size}</span>
      </div>
      <List label="Peers, one by one" className="peers" keyOf={({ key }) => key} empty="No peer fits."
        onChoose={({ key }) => choose(key)} {...{ rows, columns, chosen, sorting, onSort: setSorting }} />
    </>
  )
}

/** How surprising a silence is, as a bar that is full when the peer is suspected. */
export function Phi({ phi, max = 8 }: { readonly phi: number | null; readonly max?: number | undefined }) {
  if (phi === null) return <span class="faint" title="watched by others">–</span>
  const level = phi >= max ? 'bad' : phi >= 1 ? 'warn' : 'good'
  return (
    <span class={`phi ${level}`}>
      <span class="meter"><span style={{ width: `${Math.min(100, (phi / max) * 100)}%` }} /></span>{phi.toFixed(1)}
    </span>
  )
}
