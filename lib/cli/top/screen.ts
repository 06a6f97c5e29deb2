import type { Mirror } from '../../http/live/mirror.js'
import { sampleFields, type Happening, type Tables } from '../../http/live/protocol.js'
import { shortAge } from '../shared/output.js'
import { clean, table, type Line, type Look, type Span } from './style.js'

/** What is shown. */
export interface Scene {
  readonly mirror: Mirror
  /** What happened, the oldest first; undefined: not shown. */
  readonly happenings: readonly Happening[] | undefined
  /** What stands at the end of the first line. */
  readonly note: Span
  /** How many peers are scrolled past. */
  readonly scrolled: number
}

/** Of the room below the head: what the peers may take at least, services and apps at most. */
const peersShare = 0.4
const servicesShare = 0.25
const appsShare = 0.15
const rumoursMax = 3
/** A blank line, the titles, a row, and how many more there are. */
const sectionMin = 4
const happeningsMin = 4

/** A screen of so many rows (Infinity: all there is to show). */
export function compose(scene: Scene, rows: number): Line[] {
  const { mirror, happenings, scrolled } = scene
  const head = headOf(scene)
  const peers = peersOf(mirror)
  const services = servicesOf(mirror)
  const apps = appsOf(mirror)
  const rumours = rumoursOf(mirror)
  if (rows === Infinity) return [...head, ...[peers, services, apps, rumours].flatMap(section)]
  let left = rows - head.length
  const take = (lines: readonly Line[], max: number, from = 0): Line[] => {
    const taken = clip(lines, Math.min(max, left), from)
    left -= taken.length
    return taken
  }
  const reserved = happenings === undefined ? 0 : happeningsMin + 1
  const room = left - reserved
  const after = [
    take(section(services), Math.max(sectionMin, Math.floor(room * servicesShare))),
    take(section(apps), Math.max(sectionMin, Math.floor(room * appsShare))),
    take(section(rumours), rumoursMax + 2),
  ]
  const first = take(section(peers), Math.max(left - reserved, Math.floor(room * peersShare)), scrolled)
  const last = happenings === undefined ? [] : eventsOf(happenings, left)
  return [...head, ...first, ...after.flat(), ...last].slice(0, rows)
}

function section(lines: readonly Line[]): Line[] {
  return lines.length === 0 ? [] : [[], ...lines]
}

/** A blank line, the titles, and as many more as fit, from a place on; how many are left out is told. */
function clip(lines: readonly Line[], max: number, from: number): Line[] {
  if (max < sectionMin) return []
  const [blank = [], titles = [], ...rows] = lines
  if (lines.length === 0 || lines.length <= max) return [...lines]
  const shown = max - 3
  const start = Math.min(from, rows.length - shown)
  const rest = `… ${rows.length - shown} more${start > 0 ? `, ${start} of them above` : ''}`
  return [blank, titles, ...rows.slice(start, start + shown), [{ text: rest, look: 'dim' }]]
}

// ---- the head

function headOf({ mirror, note }: Scene): Line[] {
  const { self, peers, history } = mirror
  const states = [...peers.values()].map(({ state }) => state)
  const count = (state: string): number => states.filter((each) => each === state).length
  const keys = [...peers.values()].reduce((sum, row) => sum + (row.keys ?? 0), 0)
  const bytes = [...peers.values()].reduce((sum, row) => sum + row.bytes, 0)
  const phiMax = Math.max(0, ...[...peers.values()].map(({ phi }) => phi ?? 0))
  const sample = (field: (typeof sampleFields)[number]): number | null | undefined =>
    history.at(-1)?.[sampleFields.indexOf(field)]
  const rate = (field: (typeof sampleFields)[number]): string => `${bytesOf(sample(field) ?? 0)}/s`
  const lag = (field: (typeof sampleFields)[number]): string => msOf(sample(field) ?? null)
  const told = (state: string, look: Look): Span => ({
    text: `  ${count(state)} ${state}`, look: count(state) > 0 ? look : 'dim',
  })
  return [
    [
      { text: clean(self?.name ?? ''), look: 'title' }, { text: `  of cluster ${clean(self?.cluster ?? '')}  ` }, note,
    ],
    [
      { text: 'peers', look: 'dim' }, told('alive', 'good'), told('suspect', 'warn'), told('dead', 'bad'),
      told('left', 'usual'), { text: `   phi at most ${phiMax.toFixed(1)}`, look: phiMax >= 4 ? 'warn' : 'usual' },
      { text: `   ${keys} keys, ${bytesOf(bytes)}` },
    ],
    [
      { text: 'sends', look: 'dim' },
      { text: `  news ${rate('news')}  repair ${rate('repair')}  liveness ${rate('liveness')}  calls ${rate('work')}` },
      { text: `  ${sample('messages') ?? 0} messages/s  ` },
      { text: sparkline(history.map((each) => totalOf(each))), look: 'good' },
    ],
    [
      { text: 'hears', look: 'dim' },
      { text: `  ${sample('arrivals') ?? 0} keys/s, half of them after ${lag('lag50')}, 99 % after ${lag('lag99')}` },
    ],
  ]
}

function totalOf(sample: readonly (number | null)[]): number {
  const fields = ['news', 'repair', 'liveness', 'work'] as const
  return fields.reduce((sum, field) => sum + (sample[sampleFields.indexOf(field)] ?? 0), 0)
}

const bars = '▁▂▃▄▅▆▇█'
const barsMax = 30

/** The last of some values as bars, the highest of them whole. */
function sparkline(values: readonly number[]): string {
  const last = values.slice(-barsMax)
  const max = Math.max(1, ...last)
  return last.map((value) => bars[Math.round((value / max) * (bars.length - 1))] ?? '').join('')
}

// ---- the tables

const looks: Readonly<Record<Tables['peers']['state'], Look>> = {
  alive: 'good', suspect: 'warn', dead: 'bad', left: 'dim',
}
/** Who needs to be looked at comes first. */
const ranks: Readonly<Record<Tables['peers']['state'], number>> = { suspect: 0, dead: 1, alive: 2, left: 3 }

function peersOf({ peers, workers, at, self }: Mirror): Line[] {
  const calls = new Map<string, number>()
  const loads = new Map<string, { load: string; inflight: number }>()
  for (const { peer, calls: rate, load, inflight } of workers.values()) {
    calls.set(peer, (calls.get(peer) ?? 0) + (rate ?? 0))
    loads.set(peer, { load, inflight })
  }
  const sorted = [...peers.values()].sort((a, b) => ranks[a.state] - ranks[b.state] || compare(a.key, b.key))
  const rows = sorted.map(({ key, state, since, phi, keys, bytes, metadata }) => {
    const served = loads.get(key)
    return [
      { text: `${clean(key)}${key === self?.name ? ' *' : ''}` },
      { text: state, look: looks[state] },
      { text: shortAge(at - since) },
      { text: phi === null ? '' : phi.toFixed(1), look: phi !== null && phi >= 4 ? 'warn' as const : 'usual' as const },
      { text: keys === null ? '' : String(keys) },
      { text: bytesOf(bytes) },
      { text: served === undefined ? '' : clean(served.load) },
      { text: served === undefined ? '' : String(served.inflight) },
      { text: served === undefined ? '' : rateOf(calls.get(key) ?? 0) },
      { text: clean(metadata), look: 'dim' as const },
    ]
  })
  return table([
    { title: 'PEER' }, { title: 'STATE' }, { title: 'FOR', align: 'right' }, { title: 'PHI', align: 'right' },
    { title: 'KEYS', align: 'right' }, { title: 'BYTES', align: 'right' }, { title: 'LOAD', align: 'right' },
    { title: 'BUSY', align: 'right' }, { title: 'CALLS/S', align: 'right' }, { title: '' },
  ], rows)
}

/** Services, each with all that its workers tell. */
function servicesOf({ workers }: Mirror): Line[] {
  const services = byService(workers.values())
  if (services.size === 0) return []
  const rows = [...services].sort(([a], [b]) => compare(a, b)).map(([service, of]) => {
    const sum = (field: 'running' | 'waiting' | 'concurrency' | 'calls' | 'errors' | 'refused'): number =>
      of.reduce((total, row) => total + (row[field] ?? 0), 0)
    const most = (field: 'p50' | 'p99'): string => {
      const known = of.flatMap((row) => row[field] ?? [])
      return known.length === 0 ? '' : msOf(Math.max(...known))
    }
    const [errors, refused] = [sum('errors'), sum('refused')]
    return [
      { text: clean(service) }, { text: String(of.length) }, { text: String(sum('running')) },
      { text: String(sum('waiting')), look: sum('waiting') > 0 ? 'warn' as const : 'usual' as const },
      { text: String(sum('concurrency')) }, { text: rateOf(sum('calls')) },
      { text: rateOf(errors), look: errors > 0 ? 'bad' as const : 'usual' as const },
      { text: rateOf(refused), look: refused > 0 ? 'warn' as const : 'usual' as const },
      { text: most('p50') }, { text: most('p99') },
    ]
  })
  const right = (title: string) => ({ title, align: 'right' as const })
  return table([
    { title: 'SERVICE' },
    ...['WORKERS', 'RUN', 'WAIT', 'SLOTS', 'CALLS/S', 'ERRORS/S', 'REFUSED/S', 'P50', 'P99'].map(right),
  ], rows)
}

function byService(rows: Iterable<Tables['workers']>): Map<string, Tables['workers'][]> {
  const found = new Map<string, Tables['workers'][]>()
  for (const row of rows) {
    const known = found.get(row.service)
    if (known) known.push(row)
    else found.set(row.service, [row])
  }
  return found
}

const appLooks: Readonly<Record<string, Look>> = { running: 'good', waiting: 'warn', failed: 'bad' }

function appsOf({ apps }: Mirror): Line[] {
  if (apps.size === 0) return []
  const rank = (state: string): number => (state === 'failed' ? 0 : state === 'waiting' ? 1 : 2)
  const sorted = [...apps.values()].sort((a, b) => rank(a.state) - rank(b.state) || compare(a.key, b.key))
  return table([{ title: 'APP' }, { title: 'PEER' }, { title: 'STATE' }, { title: '' }], sorted.map((row) => [
    { text: clean(row.app) }, { text: clean(row.peer) },
    { text: clean(row.state), look: appLooks[row.state] ?? 'usual' },
    { text: clean(row.error), look: 'bad' },
  ]))
}

function rumoursOf({ rumours, at }: Mirror): Line[] {
  const standing = [...rumours.values()].filter(({ stands, verdict }) => stands && verdict !== 'alive')
  if (standing.length === 0) return []
  return table([{ title: 'WHO' }, { title: 'SAYS' }, { title: 'OF' }, { title: 'AGO', align: 'right' }],
    standing.map((row) => [
      { text: clean(row.by) }, { text: row.verdict, look: row.verdict === 'dead' ? 'bad' : 'warn' },
      { text: clean(row.about) }, { text: shortAge(at - row.at) },
    ]))
}

const happeningLooks: Readonly<Record<string, Look>> = { peer: 'title', rumour: 'warn', rejected: 'bad', missed: 'bad' }

/** What happened last; the latest at the bottom. */
function eventsOf(happenings: readonly Happening[], rows: number): Line[] {
  if (rows < 2) return []
  const last = happenings.slice(-Math.max(0, rows - 2))
  return [[], [{ text: 'HAPPENS', look: 'dim' }], ...last.map(({ at, kind, peer, name, text }) => [
    { text: `${timeOf(at)}  `, look: 'dim' as const },
    { text: `${kind.padEnd(8)}  `, look: happeningLooks[kind] ?? 'usual' },
    { text: `${clean(peer)}  ` }, { text: clean(name), look: 'title' as const }, { text: `  ${clean(text)}` },
  ])]
}

// ---- numbers

/** Bytes, short: `812 B`, `1.2 kB`. */
export function bytesOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1_000
  return `${unit === 0 ? Math.round(value) : value.toFixed(value < 99.95 ? 1 : 0)} ${units[unit]}`
}

function msOf(ms: number | null): string {
  if (ms === null) return '-'
  if (ms >= 999.5) return `${(ms / 1_000).toFixed(1)} s`
  return `${ms >= 10 ? Math.round(ms) : ms.toFixed(1)} ms`
}

function rateOf(rate: number): string {
  return rate >= 100 || rate === 0 ? String(Math.round(rate)) : rate.toFixed(1)
}

function timeOf(at: number): string {
  return new Date(at).toTimeString().slice(0, 8)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
