import { useEffect, useMemo, useState } from 'preact/hooks'
import type { KeyRow } from '../http/live/protocol.js'
import { ask, pathOf, valueOf } from './ask.js'
import { keyId } from './feed.js'
import { Field, Form, useRight } from './form.js'
import { byName, bytes, count, sortable, span } from './format.js'
import { useFeed, useNow, useShared } from './hooks.js'
import { List, sorted, type Column, type Sorting } from './list.js'
import { Panel, Text } from './text.js'

/** What is asked for, kept by the page while other parts of it are shown. */
export interface StateQuery {
  readonly text: string
  /** Empty: all peers. */
  readonly peer: string
}

/** How long after the last letter a search begins, milliseconds. */
const typingMs = 150

/** The keys of all peers. */
export function StateView({ query, ask: change }: {
  readonly query: StateQuery
  readonly ask: (query: StateQuery) => void
}) {
  const feed = useFeed('keys', 'peers', 'status')
  const now = useNow()
  const [sorting, setSorting] = useState<Sorting>({ id: 'key', isDown: false })
  const [chosen, setChosen] = useState<string>()
  const { text, peer } = query
  useEffect(() => {
    const timer = setTimeout(() => feed.search({ text, ...(peer !== '' && { peer }) }), typingMs)
    return () => clearTimeout(timer)
  }, [feed, text, peer])
  useEffect(() => () => feed.search(null), [feed])
  const columns = useMemo((): Column<KeyRow>[] => [
    {
      id: 'key', title: 'Key', by: ({ key }) => sortable(key),
      cell: ({ key }) => <button type="button" class="plain"><Text of={key} className="mono" /></button>,
    },
    { id: 'value', title: 'Value', cell: (row) => <Text of={row.text} className="mono" /> },
    { id: 'peer', title: 'Peer', cell: (row) => <Text of={row.peer} />, by: (row) => sortable(row.peer) },
    { id: 'version', title: 'Version', cell: ({ version }) => count(version), by: ({ version }) => version },
    { id: 'bytes', title: 'Size', cell: (row) => bytes(row.bytes), by: (row) => row.bytes },
    {
      id: 'ends', title: 'Ends in', by: ({ expiresAt }) => expiresAt ?? Infinity,
      cell: ({ expiresAt }) => (expiresAt === null ? <span class="faint">never</span> : span(expiresAt - now)),
    },
  ], [now])
  const rows = sorted(feed.keys.values(), columns, sorting, keyId)
  const row = chosen === undefined ? undefined : feed.keys.get(chosen)
  const peers = [...feed.mirror.peers.keys()].sort(byName)
  const { found } = feed
  return (
    <main class="single">
      <Panel title="State" note={found === undefined ? 'searching …' : shownOf(rows.length, found)}>
        <div class="bar">
          <input type="search" class="search" placeholder="Find keys" aria-label="Find keys" value={text}
            onInput={({ currentTarget }) => change({ ...query, text: currentTarget.value })} />
          <select aria-label="Peer" value={peer}
            onChange={({ currentTarget }) => change({ ...query, peer: currentTarget.value })}>
            <option value="">all peers</option>
            {peer !== '' && !feed.mirror.peers.has(peer) && <option value={peer}>{peer}</option>}
            {peers.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </div>
        <div class="split">
          <List label="Keys that fit" className="keys" rows={rows} keyOf={keyId} chosen={chosen} empty="No key fits."
            onChoose={(each) => setChosen(keyId(each))} {...{ columns, sorting, onSort: setSorting }} />
          {row && <KeyDetails key={chosen} row={row} close={() => setChosen(undefined)} />}
        </div>
        <SetForm />
      </Panel>
    </main>
  )
}

function shownOf(shown: number, found: number): string {
  return found > shown ? `${count(shown)} of ${count(found)}` : count(found)
}

/** A key from close by: its value, whole. */
function KeyDetails({ row, close }: { readonly row: KeyRow; readonly close: () => void }) {
  const { feed } = useShared()
  const { mayWrite } = useRight()
  const [value, setValue] = useState<string>()
  const { peer, key, version } = row
  useEffect(() => {
    let isCurrent = true
    void ask(feed, 'GET', `${pathOf('state', key)}?peer=${encodeURIComponent(peer)}`).then(({ isWell, text }) => {
      if (isCurrent) setValue(isWell ? pretty(text) : text)
    })
    return () => {
      isCurrent = false
    }
  }, [feed, peer, key, version])
  const isOwn = peer === feed.mirror.self?.name
  return (
    <aside class="value" aria-label="Chosen key">
      <header>
        <h2><Text of={key} className="mono" /></h2>
        <button type="button" onClick={close} aria-label="Close">✕</button>
      </header>
      <p class="faint">set by <Text of={peer} />, version {count(version)}, {bytes(row.bytes)}</p>
      <pre tabIndex={0} aria-label="Value">{value ?? '…'}</pre>
      {isOwn && <Form label="Delete" act={() => ask(feed, 'DELETE', pathOf('state', key))}>{null}</Form>}
      {!isOwn && mayWrite && <p class="faint">Only its own peer can change it.</p>}
    </aside>
  )
}

function SetForm() {
  const { feed } = useShared()
  return (
    <Form label="Set" act={(field) => {
      const seconds = Number(field('ttl'))
      const expires = seconds > 0 ? `?expiresAt=${Math.round(feed.now() + seconds * 1_000)}` : ''
      return ask(feed, 'PUT', `${pathOf('state', field('key'))}${expires}`, valueOf(field('value')))
    }}>
      <Field name="key" label="key of this peer" />
      <Field name="value" label="value: JSON or text" wide />
      <Field name="ttl" label="seconds, or for ever" />
    </Form>
  )
}

/** The value in an answer, on several lines. */
function pretty(text: string): string {
  try {
    const { value } = JSON.parse(text) as { value: unknown }
    return typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)
  } catch {
    return text
  }
}
