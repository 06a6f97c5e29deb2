import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { register as globalRegistry } from 'prom-client'
import t from 'tap'
import { appFamilies } from '../../lib/apps/metrics.js'
import { Distribution } from '../../lib/distribution.js'
import { expose } from '../../lib/metrics/exposition.js'
import { counter, Families, histogram, type Family } from '../../lib/metrics/families.js'
import { LoopDelay } from '../../lib/metrics/loop.js'
import { peerFamilies } from '../../lib/metrics/peer.js'
import { queueFamilies } from '../../lib/metrics/queue.js'
import { workFamilies } from '../../lib/metrics/work.js'
import { vitalsOf } from '../../lib/vitals.js'
import { boardOf } from '../../lib/work/switchboard.js'
import { Crew } from '../work/fixtures/crew.js'
import { lint, parse, type Exposed } from './fixtures/exposition.js'

const docs = join(import.meta.dirname, '../../docs')

/** All that there is to measure of a peer that has everything. */
function everything(peer: object): Family[] {
  const vitals = vitalsOf(peer)
  if (vitals === undefined) throw new Error('no vitals')
  boardOf(peer)?.measure()
  const apps = appFamilies(new Map([['a/b', 'running']]), new Map([['a/b', 2]]))
  const work = [...workFamilies(() => boardOf(peer)), ...queueFamilies(() => undefined)]
  return [...peerFamilies(vitals), ...work, ...apps, ...new LoopDelay().families]
}

async function exposed(families: readonly Family[], withProcess = false): Promise<Exposed[]> {
  const all = new Families()
  all.add(families)
  return parse((await expose(all, withProcess)).text)
}

function valueOf(found: readonly Exposed[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const sample = found.flatMap(({ samples }) => samples).find((sample) => sample.name === `telepathine_${name}` &&
    Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value))
  if (sample === undefined) throw new Error(`${name} ${JSON.stringify(labels)} is not exposed`)
  return sample.value
}

t.test('what is exposed can be read strictly, keeps to the conventions, and is not registered globally', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('a', () => 1)
  await crew.sim.run(100)
  const families = everything(crew.peer(0))
  await crew.value(crew.work(0).request('a'))
  const found = await exposed(families, true)
  t.strictSame(found.filter(({ name }) => name.startsWith('telepathine_')).flatMap(lint), [])
  t.strictSame(found.map(({ name }) => name).filter((name) => name.startsWith('telepathine_')),
    families.map(({ name }) => name))
  t.ok(found.some(({ name }) => name === 'process_resident_memory_bytes'))
  t.notOk((await exposed(families)).some(({ name }) => name.startsWith('process_')))
  t.strictSame(globalRegistry.getMetricsAsArray(), [])
})

t.test('each value says what it is said to say', async (t) => {
  const crew = await Crew.of(3)
  crew.work(1).serve('double', (n: number) => {
    if (n < 0) throw new RangeError('too small')
    return n * 2
  })
  await crew.sim.run(100)
  const [caller, worker] = [everything(crew.peer(0)), everything(crew.peer(1))]
  const before = await exposed(worker)
  crew.peer(0).set('a', 1)
  crew.peer(0).set('b', 'x'.repeat(1_000))
  crew.peer(0).delete('a')
  crew.peer(0).say('e', 1)
  for (const n of [1, 2, -1]) await crew.settles(crew.work(0).request('double', n))
  await crew.error(crew.work(0).request('nobody'))
  await crew.sim.run(100)
  const [here, there] = [await exposed(caller), await exposed(worker)]

  t.equal(valueOf(here, 'members', { state: 'alive' }), 3)
  t.equal(valueOf(here, 'member_changes_total', { change: 'new' }), 2)
  t.equal(valueOf(here, 'updates_total', { kind: 'set' }), 2)
  t.equal(valueOf(here, 'updates_total', { kind: 'delete' }), 1)
  t.equal(valueOf(here, 'updates_total', { kind: 'say' }), 1)
  t.equal(valueOf(here, 'keys', { owner: 'self' }), 1)
  t.ok(valueOf(here, 'state_bytes', { owner: 'self' }) > 1_000)
  t.equal(valueOf(there, 'heard_total', { kind: 'say' }), 1)
  t.equal(valueOf(there, 'keys', { owner: 'others' }) - valueOf(before, 'keys', { owner: 'others' }), 1)
  const arrived = valueOf(there, 'update_delay_seconds_count') - valueOf(before, 'update_delay_seconds_count')
  t.ok(arrived >= 1 && arrived <= 2, 'a value that is replaced at once may never be sent')
  t.ok(valueOf(there, 'update_delay_seconds_sum') < 0.1)
  t.equal(valueOf(here, 'lag_seconds'), 0)

  t.equal(valueOf(here, 'calls_total', { service: 'double', outcome: 'ok' }), 2)
  t.equal(valueOf(here, 'calls_total', { service: 'double', outcome: 'ERR_HANDLER' }), 1)
  t.equal(valueOf(here, 'calls_total', { service: 'nobody', outcome: 'ERR_NO_WORKER' }), 1)
  t.equal(valueOf(here, 'call_duration_seconds_count', { service: 'double' }), 3)
  t.ok(valueOf(here, 'call_duration_seconds_sum', { service: 'double' }) >= 0.003, 'there and back, three times')
  t.equal(valueOf(there, 'serves_total', { service: 'double', outcome: 'ok' }), 2)
  t.equal(valueOf(there, 'serves_total', { service: 'double', outcome: 'ERR_HANDLER' }), 1)
  t.equal(valueOf(there, 'serve_concurrency', { service: 'double' }), 256)

  for (const name of ['news', 'repair', 'liveness', 'work']) {
    t.ok(valueOf(here, 'sent_bytes_total', { class: name }) > 0, name)
    t.ok(valueOf(there, 'received_bytes_total', { class: name }) > 0, name)
  }
  t.ok(valueOf(here, 'heartbeats_total') > 3)
  t.ok(valueOf(here, 'exchanges_total', { cause: 'regular' }) > 0)
  t.equal(valueOf(here, 'apps', { state: 'running' }), 1)
  t.equal(valueOf(here, 'app_failures_total', { app: 'a/b' }), 2)
})

t.test('a peer that falls silent: suspicion, verdict, and the peers that are left', async (t) => {
  const crew = await Crew.of(4)
  const families = everything(crew.peer(0))
  crew.sim.crash(3)
  await crew.sim.run(10_000)
  const found = await exposed(families)
  t.equal(valueOf(found, 'members', { state: 'alive' }), 3)
  t.equal(valueOf(found, 'members', { state: 'dead' }), 1)
  t.equal(valueOf(found, 'member_changes_total', { change: 'failed' }), 1)
})

t.test('busy workers are turned to again, and what they turned away is counted', async (t) => {
  const crew = await Crew.of(3)
  for (const worker of [1, 2]) {
    crew.work(worker).serve('slow', () => crew.sleep(worker, 50), { concurrency: 1, queue: 1 })
  }
  await crew.sim.run(100)
  const all = [0, 1, 2].map((peer) => everything(crew.peer(peer)))
  const calls = Array.from({ length: 6 }, () => crew.watch(crew.work(0).request('slow')))
  await crew.sim.run(10)
  const during = await Promise.all(all.map((families) => exposed(families)))
  const ofWorkers = (found: readonly Exposed[][], name: string, labels = {}): number =>
    found.slice(1).reduce((sum, each) => sum + valueOf(each, name, { service: 'slow', ...labels }), 0)
  t.equal(ofWorkers(during, 'serve_running'), 2)
  t.equal(ofWorkers(during, 'serve_queued'), 2)
  t.equal(valueOf(during[0] ?? [], 'calls_pending'), 4)
  for (const call of calls) await crew.settles(call)
  const after = await Promise.all(all.map((families) => exposed(families)))
  const here = after[0] ?? []
  t.equal(valueOf(here, 'calls_total', { service: 'slow', outcome: 'ok' }), 4)
  t.equal(valueOf(here, 'calls_total', { service: 'slow', outcome: 'ERR_BUSY' }), 2)
  t.ok(valueOf(here, 'call_retries_total', { cause: 'busy' }) >= 2)
  t.equal(ofWorkers(after, 'serves_total', { outcome: 'ok' }), 4)
  t.ok(ofWorkers(after, 'serves_total', { outcome: 'ERR_BUSY' }) >= 4)
})

t.test('names are bounded, however many services there are and whatever they are called', async (t) => {
  const crew = await Crew.of(2)
  const families = [...everything(crew.peer(0)), ...appFamilies(new Map(), new Map(
    Array.from({ length: 200 }, (_, i) => [`app/${i}`, 1] as const),
  ))].filter(({ name }, i, all) => all.findLastIndex((each) => each.name === name) === i)
  const hostile = ['"', '\\', '\n', '{}', 'a="b",c="d"', '# HELP x', 'Ω', 'x\u0000', '} 1\nevil 1']
  for (const name of hostile) await crew.error(crew.work(0).request(name))
  for (let i = 0; i < 200; i++) await crew.error(crew.work(0).request(`service ${i}`))
  for (let i = 0; i < 100; i++) crew.work(0).serve(`mine ${i}`, () => i)
  const found = await exposed(families)
  const services = (name: string): Set<string> =>
    new Set(found.find((each) => each.name === `telepathine_${name}`)?.samples
      .map(({ labels }) => labels.get('service') ?? ''))
  t.equal(services('calls_total').size, 65)
  for (const name of hostile) t.ok(services('calls_total').has(name), JSON.stringify(name))
  t.ok(valueOf(found, 'calls_total', { service: '_other', outcome: 'ERR_NO_WORKER' }) > 100)
  t.equal(services('serve_concurrency').size, 65)
  t.equal(found.find(({ name }) => name === 'telepathine_app_failures_total')?.samples.length, 65)
  t.equal(valueOf(found, 'app_failures_total', { app: '_other' }), 136)
})

t.test('a check that finds nothing wrong anywhere would be no check', async (t) => {
  const bad = (family: Family): Promise<string[]> => exposed([family]).then((found) => found.flatMap(lint))
  t.match(await bad(counter('things', 'x', [], () => [[{}, 1]])), [/without _total/])
  t.match(await bad(counter('took_ms_total', 'x', [], () => [[{}, 1]])), [/base unit/])
  const falling = Object.assign(new Distribution([1, 2]), { counts: [3, -1, 0] })
  t.match(await bad(histogram('x_seconds', 'x', [], () => [[{}, falling]])), [/falls/])
  const lines = [
    'a 1', '# HELP a x\n# TYPE a gauge\na 1\na 1', '# HELP a x\n# TYPE a gauge\nb 1', '# HELP a x\na{x=1} 1',
    '# HELP a x\n# TYPE a gauge\na{b="1"} nothing', '# HELP a x\n# TYPE a gouge',
  ]
  for (const text of lines) t.throws(() => parse(`${text}\n`), text)
  t.throws(() => parse('# HELP a x'), 'the last line')
})

t.test('docs/metrics.md lists all metrics with their types and labels, and no others', async (t) => {
  const crew = await Crew.of(1)
  const text = readFileSync(join(docs, 'metrics.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `(telepathine_\w+)` \| (\w+) \|([^|]*)\|/gm)]
  const documented = rows.map(([, name, type, labels]) => [name, type, labels?.replaceAll('`', '').trim()])
  t.strictSame(documented, everything(crew.peer(0)).map(({ name, type, labels }) => {
    return [name, type, type === 'summary' ? 'quantile' : labels.join(', ')]
  }))
})

t.test('the dashboard for Grafana asks for nothing that is not exposed, and for all that is', async (t) => {
  const crew = await Crew.of(1)
  const families = new Map(everything(crew.peer(0)).map((family) => [family.name, family]))
  const dashboard = JSON.parse(readFileSync(join(docs, 'grafana.json'), 'utf8')) as {
    readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[]
    readonly templating: { readonly list: readonly { readonly definition?: string }[] }
  }
  const targets = dashboard.panels.flatMap(({ targets = [] }) => targets)
  const choices = dashboard.templating.list.flatMap(({ definition = [] }) => definition)
  const asked = [...targets.map(({ expr }) => expr), ...choices]
  t.ok(targets.length > 40)
  const seen = new Set<string>()
  for (const expr of asked) {
    for (const [, name = '', matchers = ''] of expr.matchAll(/\b(telepathine_\w+)(?:\{(.*?)\})?/g)) {
      const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
      t.ok(family, `${name} in ${expr}`)
      seen.add(family?.name ?? '')
      const known = ['job', 'instance', 'le', 'quantile', ...family?.labels ?? []]
      const used = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label)
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = '']) => labels.split(/,\s*/))
      for (const label of [...used, ...grouped]) t.ok(known.includes(label), `${label} of ${name} in ${expr}`)
    }
    t.equal(count(expr, '('), count(expr, ')'), expr)
    t.equal(count(expr, '{'), count(expr, '}'), expr)
  }
  t.strictSame([...families.keys()].filter((name) => !seen.has(name)), [])
})

function count(text: string, character: string): number {
  return text.split(character).length - 1
}
