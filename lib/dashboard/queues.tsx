import { useState } from 'preact/hooks'
import type { QueueRow } from '../http/live/protocol.js'
import { count, plural, sortable, span } from './format.js'
import { useFeed, useNow } from './hooks.js'
import { Letters } from './letters.js'
import { List, sorted, type Column, type Sorting } from './list.js'
import { Panel, Text } from './text.js'

/** Size of what is drawn of a trail. */
const [width, height] = [120, 18]
/** Figures that it has room for at least: one minute. */
const figuresMin = 30

/** What waits in the queue of this peer, and what was given up there. */
export function Queues() {
  const { mirror, trails } = useFeed('queues', 'history', 'status')
  const [sorting, setSorting] = useState<Sorting>({ id: 'queue', isDown: false })
  const [chosen, setChosen] = useState<string>()
  const { queue, queues } = mirror
  const columns = columnsFor(trails)
  const rows = sorted(queues.values(), columns, sorting, ({ key }) => key)
  const row = chosen === undefined ? undefined : queues.get(chosen)
  const empty = queue === null
    ? 'This peer has no queue.'
    : queue.silentSince === null ? 'Nothing was ever put into the queue.' : 'Nothing is known of it.'
  const all = plural(rows.length + (queue?.more ?? 0), 'name')
  return (
    <main class="single">
      <Panel title="Queues" note={queue?.more ? `${count(rows.length)} of ${all}` : all}>
        <Silence />
        <div class="split">
          <List label="Jobs in the queue, by name" className="queues" rows={rows} keyOf={({ key }) => key}
            chosen={chosen} onChoose={({ key }) => setChosen(key)}
            {...{ empty, columns, sorting, onSort: setSorting }} />
          {row && <Letters key={row.key} row={row} close={() => setChosen(undefined)} />}
        </div>
        <p class="hint faint">What its engine tells, once a second; a dash: it does not tell.</p>
      </Panel>
    </main>
  )
}

/** Says so when the engine is away. */
function Silence() {
  const { silentSince = null } = useFeed('queues').mirror.queue ?? {}
  const now = useNow()
  if (silentSince === null) return null
  const age = span(now - silentSince)
  return <p class="lost"><span role="alert">The queue does not answer.</span> What you see of it is {age} old.</p>
}

function columnsFor(trails: ReadonlyMap<string, readonly number[]>): Column<QueueRow>[] {
  const figure = (id: Exclude<keyof QueueRow, 'key'>, title: string, level = ''): Column<QueueRow> => ({
    id, title, by: (row) => row[id] ?? -1, cell: (row) => {
      const value = row[id]
      if (value === null) return <span class="faint">–</span>
      return <span class={value > 0 ? level : ''}>{count(value)}</span>
    },
  })
  return [
    {
      id: 'queue', title: 'Job', by: ({ key }) => sortable(key),
      cell: ({ key }) => <button type="button" class="plain"><Text of={key} className="mono" /></button>,
    },
    figure('waiting', 'Waiting'),
    figure('delayed', 'Delayed'),
    figure('running', 'Running'),
    figure('dead', 'Dead', 'bad'),
    { id: 'trail', title: 'Waiting of late', cell: ({ key }) => <Trail of={trails.get(key) ?? []} /> },
  ]
}

/** How many waited in the last minutes, the latest to the right. */
function Trail({ of: values }: { readonly of: readonly number[] }) {
  const most = Math.max(...values, 0)
  const step = width / (Math.max(values.length, figuresMin) - 1)
  const points = values.map((value, i) => {
    const x = width - step * (values.length - 1 - i)
    return `${x.toFixed(1)},${(height - 1 - ((height - 2) * value) / Math.max(most, 1)).toFixed(1)}`
  })
  return (
    <svg class="trail" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img"
      aria-label={`${count(most)} at most`}><polyline points={points.join(' ')} /></svg>
  )
}
