import { useEffect, useRef, useState } from 'preact/hooks'
import { happeningKinds, type Happening, type HappeningKind } from '../http/live/protocol.js'
import { ask, pathOf, valueOf } from './ask.js'
import { Field, Form } from './form.js'
import { count, preciseClock } from './format.js'
import { useFeed, useShared } from './hooks.js'
import { List, type Column } from './list.js'
import { Panel, Text } from './text.js'

/** What is shown of what happens, kept by the page while other parts of it are shown. */
export interface EventsQuery {
  readonly text: string
  readonly kinds: readonly HappeningKind[]
}

const typingMs = 150

const columns: readonly Column<Happening>[] = [
  { id: 'at', title: 'Time', cell: ({ at }) => preciseClock(at) },
  { id: 'kind', title: 'What', cell: (each) => <span class={`word ${levelOf(each)}`}>{each.kind}</span> },
  { id: 'peer', title: 'Peer', cell: ({ peer }) => <Text of={peer} /> },
  { id: 'name', title: 'Name', cell: ({ name }) => <Text of={name} className="mono" /> },
  {
    id: 'text', title: 'Value', cell: ({ kind, text }) => (kind === 'rumour'
      ? <span class="faint">says <Text of={text} /></span>
      : <Text of={text} className="mono" />),
  },
]

/** Everything that happens, as it happens, the latest first. */
export function Events({ query, ask: change }: {
  readonly query: EventsQuery
  readonly ask: (query: EventsQuery) => void
}) {
  const feed = useFeed('stream', 'status')
  const [held, setHeld] = useState<{ readonly rows: readonly Happening[]; readonly missed: number }>()
  const isFirst = useRef(true)
  const { text, kinds } = query
  useEffect(() => {
    // what came before is kept until something else is asked for
    if (isFirst.current) return void (isFirst.current = false)
    const timer = setTimeout(() => feed.filter({ text, kinds }), typingMs)
    return () => clearTimeout(timer)
  }, [feed, text, kinds])
  const wanted = text.toLowerCase()
  const rows = (held?.rows ?? feed.happenings)
    .filter(({ kind, peer, name }) => kinds.includes(kind) && `${peer} ${name}`.toLowerCase().includes(wanted))
    .reverse()
  const waiting = held ? (feed.happenings.at(-1)?.id ?? 0) - (held.rows.at(-1)?.id ?? 0) : 0
  const pause = (): void => setHeld(held ? undefined : { rows: feed.happenings, missed: feed.missed })
  const toggle = (kind: HappeningKind): void => {
    change({ text, kinds: kinds.includes(kind) ? kinds.filter((each) => each !== kind) : [...kinds, kind] })
  }
  return (
    <main class="single">
      <Panel title="Events" note={feed.missed > 0 ? `${count(feed.missed)} more were too many to show` : undefined}>
        <div class="bar">
          <input type="search" class="search" placeholder="Find by name or peer" aria-label="Find events"
            value={text} onInput={({ currentTarget }) => change({ kinds, text: currentTarget.value })} />
          <button type="button" class="pause" aria-pressed={held !== undefined} onClick={pause}>
            {held ? `Go on${waiting > 0 ? ` (${count(waiting)} new)` : ''}` : 'Pause'}
          </button>
          <span class="kinds" role="group" aria-label="Kinds">
            {happeningKinds.map((kind) => (
              <button key={kind} type="button" class="chip" aria-pressed={kinds.includes(kind)}
                onClick={() => toggle(kind)}>{kind}</button>
            ))}
          </span>
        </div>
        <List label="Events, the latest first" className="events" {...{ columns, rows }} keyOf={({ id }) => String(id)}
          empty={kinds.length === 0 ? 'No kind is chosen.' : 'Nothing has happened since this page was opened.'} />
        <SayForm />
      </Panel>
    </main>
  )
}

function SayForm() {
  const { feed } = useShared()
  return (
    <Form label="Say" act={(field) => ask(feed, 'POST', pathOf('events', field('event')), valueOf(field('data')))}>
      <Field name="event" label="event" />
      <Field name="data" label="data: JSON or text" wide />
    </Form>
  )
}

function levelOf({ kind, name }: Happening): string {
  if (kind === 'peer') return name === 'failed' ? 'dead' : name === 'is there' ? 'alive' : 'left'
  if (kind === 'rumour') return name === 'alive' ? 'alive' : name === 'dead' ? 'dead' : 'suspect'
  return kind === 'missed' || kind === 'rejected' ? 'suspect' : kind
}
