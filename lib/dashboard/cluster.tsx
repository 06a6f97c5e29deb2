import type { PeerRow } from '../http/live/protocol.js'
import { sampleFields } from '../http/live/protocol.js'
import { Lag, Traffic } from './charts.js'
import { diagnose } from './diagnosis.js'
import { Differences } from './differences.js'
import { bytes, count, lagged, rate } from './format.js'
import { useFeed } from './hooks.js'
import { Peers } from './peers.js'
import { Ring } from './ring.js'
import { Panel } from './text.js'

/** The cluster at a glance. */
export function Cluster() {
  return (
    <main class="cluster">
      <Verdict />
      <Signs />
      <Panel title="Ring" className="ring-panel" note="each watches those before it"><Ring /></Panel>
      <Panel title="Peers" className="peers-panel"><Peers /></Panel>
      <Differences />
      <Traffic />
      <Lag />
    </main>
  )
}

/** How it is, in a sentence. */
function Verdict() {
  const { mirror } = useFeed('peers', 'rumours', 'status')
  if (!mirror.self) return null
  const { level, lines } = diagnose(mirror.self.name, [...mirror.peers.values()], [...mirror.rumours.values()])
  return (
    <section class={`verdict ${level}`} aria-label="How the cluster is" aria-live="polite">
      {lines.map((line) => <p key={line}>{line}</p>)}
    </section>
  )
}

/** A few figures that tell at once whether something is out of the ordinary. */
function Signs() {
  const { mirror } = useFeed('peers', 'history', 'workers', 'status')
  const peers = [...mirror.peers.values()]
  const workers = [...mirror.workers.values()]
  const sum = (of: (peer: PeerRow) => number): number => peers.reduce((total, peer) => total + of(peer), 0)
  const live = peers.filter(({ state }) => state === 'alive' || state === 'suspect').length
  const last = mirror.history.at(-1)
  const sample = (field: (typeof sampleFields)[number]): number | null => last?.[sampleFields.indexOf(field)] ?? null
  const sent = (['news', 'repair', 'liveness', 'work'] as const).reduce((all, field) => all + (sample(field) ?? 0), 0)
  const lag = sample('lag99')
  const calls = workers.reduce((all, worker) => all + (worker.calls ?? 0), 0)
  const errors = workers.reduce((all, worker) => all + (worker.errors ?? 0), 0)
  return (
    <dl class="signs">
      <Sign name="Live peers" value={count(live)} />
      <Sign name="Keys" value={count(sum(({ keys }) => keys ?? 0))} note={bytes(sum((peer) => peer.bytes))} />
      <Sign name="Updates" value={rate(sample('arrivals') ?? 0)} note="a second" />
      <Sign name="Update lag" value={lag === null ? '–' : lagged(lag)} note="p99" />
      <Sign name="Sent" value={bytes(sent)} note="a second" />
      <Sign name="Calls" value={rate(calls)} note={errors > 0 ? `${rate(errors)} failed` : 'a second'} />
    </dl>
  )
}

function Sign({ name, value, note = '' }: { readonly name: string; readonly value: string; readonly note?: string }) {
  return <div><dt>{name}</dt><dd>{value} <span class="note">{note}</span></dd></div>
}
