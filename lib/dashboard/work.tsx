import { useState } from 'preact/hooks'
import type { AppRow, WorkerRow } from '../http/live/protocol.js'
import { ask, pathOf, valueOf } from './ask.js'
import { Field, Form, useRight } from './form.js'
import { byName, count, plural, rate, some, took } from './format.js'
import { useFeed, useShared } from './hooks.js'
import { List, type Column } from './list.js'
import { Panel, Text } from './text.js'

/** How a worker app's service is named. */
const appPrefix = 'apps/'

/** A line of the table: a service with all who serve it, or one of these. */
interface Line {
  readonly id: string
  readonly service: string
  /** Undefined for the service as a whole. */
  readonly peer: string | undefined
  readonly workers: readonly WorkerRow[]
  readonly apps: readonly AppRow[]
}

/** Services and worker apps, and how they fare. */
export function Work() {
  const { mirror } = useFeed('workers', 'apps', 'status')
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const [chosen, setChosen] = useState<string>()
  const services = servicesOf([...mirror.workers.values()], [...mirror.apps.values()])
  const isOpen = (service: string): boolean => open.has(service) || services.length === 1
  const lines = services.flatMap((line) => [line, ...(isOpen(line.service) ? partsOf(line) : [])])
  const toggle = (service: string): void => {
    const next = new Set(open)
    if (!next.delete(service)) next.add(service)
    setOpen(next)
  }
  const columns = columnsFor(isOpen, toggle)
  const app = lines.find(({ id }) => id === chosen)?.service ?? ''
  return (
    <main class="single">
      <Panel title="Work" note={plural(services.length, 'service')}>
        <List label="Services, one by one" className="work" rows={lines} keyOf={({ id }) => id} columns={columns}
          empty="Nobody serves anything." chosen={chosen} onChoose={({ id }) => setChosen(id)} />
        <Actions key={app} service={app} />
        <p class="hint faint">
          What peers tell of themselves, at least every five seconds while they are called; a dash: it does not tell.
        </p>
      </Panel>
    </main>
  )
}

function columnsFor(isOpen: (service: string) => boolean, toggle: (service: string) => void): Column<Line>[] {
  const total = (of: (worker: WorkerRow) => number | null) => ({ workers }: Line): number | null => {
    const told = workers.map(of).filter((value) => value !== null)
    return told.length === 0 ? null : told.reduce((sum, value) => sum + value, 0)
  }
  const most = (of: (worker: WorkerRow) => number | null) => ({ workers }: Line): number | null => {
    const told = workers.map(of).filter((value) => value !== null)
    return told.length === 0 ? null : Math.max(...told)
  }
  const figure = (
    id: string, title: string, value: (line: Line) => number | null, format: (value: number) => string, level = '',
  ): Column<Line> => ({
    id, title, cell: (line) => {
      const found = value(line)
      if (found === null) return <span class="faint">–</span>
      return <span class={found > 0 ? level : ''}>{format(found)}</span>
    },
  })
  return [
    {
      id: 'service', title: 'Service', cell: ({ service, peer, workers, apps }) => (peer !== undefined
        ? <span class="inset"><Text of={peer} /></span>
        : <>
          <button type="button" class="plain" aria-expanded={isOpen(service)} onClick={() => toggle(service)}>
            <span aria-hidden="true" class="twist">{isOpen(service) ? '▾' : '▸'}</span>{' '}
            <Text of={service} className="mono" />
          </button>
          <span class="faint"> {workers.length > 0 || apps.length === 0 ? `×${workers.length}` : ''}</span>
        </>),
    },
    { id: 'app', title: 'App', cell: (line) => <AppState {...line} /> },
    figure('calls', 'Calls/s', total(({ calls }) => calls), rate),
    figure('errors', 'Errors/s', total(({ errors }) => errors), rate, 'bad'),
    figure('refused', 'Refused/s', total(({ refused }) => refused), rate, 'warn'),
    figure('running', 'Running', total(({ running }) => running), count),
    figure('waiting', 'Queued', total(({ waiting }) => waiting), count, 'warn'),
    figure('p50', 'p50', most(({ p50 }) => p50), took),
    figure('p99', 'p99', most(({ p99 }) => p99), took),
    {
      id: 'load', title: 'Load',
      cell: ({ peer, workers: [worker] }) => peer !== undefined && worker && <Text of={worker.load} />,
    },
    {
      id: 'tags', title: 'Version, tags', cell: ({ workers }) => {
        const distinct = (values: string[]): string => some([...new Set(values)].filter((value) => value !== ''), 2)
        const parts = [distinct(workers.map(({ version }) => version)), distinct(workers.map(({ tags }) => tags))]
        return <Text of={parts.filter((part) => part !== '').join(' · ')} />
      },
    },
  ]
}

/** How an app is: at one peer, or at how many of those that know of it. */
function AppState({ peer, apps }: Line) {
  const [first] = apps
  if (!first) return null
  if (peer !== undefined) return <><AppWord {...first} /> <Text of={first.error} className="bad" /></>
  const failed = apps.find(({ state }) => state === 'failed')
  const running = apps.filter(({ state }) => state === 'running').length
  const known = apps.filter((app) => app.peer !== '').length
  if (failed) return <><AppWord {...failed} /> <Text of={failed.error} className="bad" /></>
  if (!first.isWanted) return <span class="faint">stopped</span>
  return <span class={`word ${running === known ? 'alive' : 'suspect'}`}>runs on {running} of {known}</span>
}

function AppWord({ state }: AppRow) {
  const level = state === 'running' ? 'alive' : state === 'failed' ? 'dead' : state === 'stopped' ? 'left' : 'suspect'
  return <span class={`word ${level}`}><Text of={state} /></span>
}

function servicesOf(workers: readonly WorkerRow[], apps: readonly AppRow[]): Line[] {
  const names = new Set([...workers.map(({ service }) => service), ...apps.map(({ app }) => appPrefix + app)])
  return [...names].sort(byName).map((service) => ({
    id: service,
    service,
    peer: undefined,
    workers: workers.filter((worker) => worker.service === service).sort((a, b) => byName(a.peer, b.peer)),
    apps: apps.filter(({ app }) => appPrefix + app === service),
  }))
}

/** The same for each peer that serves it, or is to. */
function partsOf({ service, workers, apps }: Line): Line[] {
  const peers = new Set([...workers, ...apps].map(({ peer }) => peer).filter((peer) => peer !== ''))
  return [...peers].sort(byName).map((peer) => {
    const isIts = (row: { readonly peer: string }): boolean => row.peer === peer
    return { id: `${peer} ${service}`, service, peer, workers: workers.filter(isIts), apps: apps.filter(isIts) }
  })
}

/** What can be done with a service: give it a task; an app can be started and stopped. */
function Actions({ service }: { readonly service: string }) {
  const { feed } = useShared()
  const { mayWrite, why } = useRight()
  if (!mayWrite) return <p class="hint faint">{why}</p>
  const app = service.startsWith(appPrefix) ? service.slice(appPrefix.length) : ''
  const appPath = (field: (name: string) => string): string => pathOf('apps', ...field('app').split('/'))
  return (
    <div class="acts">
      <Form label="Send" act={(field) => {
        return ask(feed, 'POST', pathOf('jobs', field('service')), valueOf(field('input')))
      }}>
        <Field name="service" label="service" value={service} />
        <Field name="input" label="task: JSON or text" wide />
      </Form>
      <Form label="Start" act={(field) => ask(feed, 'PUT', appPath(field), {})}>
        <Field name="app" label="app: folder/worker" value={app} />
      </Form>
      <Form label="Stop" act={(field) => ask(feed, 'DELETE', appPath(field))}>
        <Field name="app" label="app: folder/worker" value={app} />
      </Form>
    </div>
  )
}
