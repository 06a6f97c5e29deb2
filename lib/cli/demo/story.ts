import { readFile } from 'node:fs/promises'
import { cpus, freemem, hostname, loadavg, platform } from 'node:os'
import type { Cluster, PeerProcess } from './cluster.js'
import { now, type Order, type Report } from './report.js'
import type { Screen } from './screen.js'

const peerCount = 5
/** How long a process may take to start, and any other step to happen, milliseconds. */
const startMs = 30_000
const stepMs = 5_000
/** Lifetime of the key that is to expire, milliseconds. */
const leaseMs = 700

/**
 * Shows a cluster at work, step by step. Rejects at the first step that does not happen in its time, and says who did
 * not see it.
 */
export async function show(cluster: Cluster, screen: Screen, stay: boolean): Promise<void> {
  const machine = `${hostname()} (${platform()}, ${cpus().length} cores)`
  screen.line(`telepathine demo: ${peerCount} processes on ${machine}, one cluster\n`)
  await start(cluster, screen)
  await set(cluster, screen)
  await say(cluster, screen)
  await expire(cluster, screen)
  await remove(cluster, screen)
  await killAndComeBack(cluster, screen)
  if (stay) invite(cluster, screen)
  else screen.line('\nAll of it happened. To keep the cluster up and join it: npm start -- --stay')
}

async function start(cluster: Cluster, screen: Screen): Promise<void> {
  const begun = now()
  for (let i = 0; i < peerCount; i++) cluster.launch()
  const [first, ...others] = cluster.peers as [PeerProcess, ...PeerProcess[]]
  first.order({ do: 'start', port: 0, seeds: [] })
  await everyone([first], 'has started', report => report.what === 'started', begun, startMs)
  for (const peer of others) peer.order({ do: 'start', port: 0, seeds: [first.name] })
  const started = await everyone(cluster.peers, 'has started', report => report.what === 'started', begun, startMs)
  const up = last(started)
  screen.step(up - begun, 'start', `${peerCount} peers, each told only where peer 1 is`)
  for (const peer of cluster.peers) screen.more(`peer ${peer.number} is ${peer.name}, process ${peer.pid}`)
  const met = await everyone(cluster.peers, `${peerCount - 1} others are known`, knowsAll, begun, stepMs)
  const ms = Math.max(0, last(met) - up)
  screen.step(ms, 'meet', `every peer knows the ${peerCount - 1} others, from the start of the last`)
}

async function set(cluster: Cluster, screen: Screen): Promise<void> {
  const [first, second] = cluster.peers as [PeerProcess, PeerProcess]
  const machine = { host: hostname(), cores: cpus().length, load: loadavg()[0], freeMB: Math.round(freemem() / 1e6) }
  const facts: Order = { do: 'set', key: 'machine', value: machine }
  await spread(cluster, screen, first, facts, `sets machine = ${JSON.stringify(machine)}`)
  const readme = await readFile(new URL('README.md', import.meta.resolve('telepathine/package.json')), 'utf8')
  const size = Buffer.byteLength(readme).toLocaleString('en')
  const text: Order = { do: 'set', key: 'readme', value: readme }
  await spread(cluster, screen, second, text, `sets readme = the ${size} bytes of README.md`)
}

async function say(cluster: Cluster, screen: Screen): Promise<void> {
  const [, , third] = cluster.peers as [PeerProcess, PeerProcess, PeerProcess]
  const data = { memoryMB: Math.round(process.memoryUsage.rss() / 1e6), upMS: Math.round(process.uptime() * 1_000) }
  await spread(cluster, screen, third, { do: 'say', event: 'status', data }, `says status ${JSON.stringify(data)}`)
}

async function expire(cluster: Cluster, screen: Screen): Promise<void> {
  const [, , , fourth] = cluster.peers as [PeerProcess, PeerProcess, PeerProcess, PeerProcess]
  const begun = now()
  const expiresAt = Date.now() + leaseMs
  fourth.order({ do: 'set', key: 'lease', value: fourth.pid, expiresAt })
  await everyone(othersThan(cluster, fourth), 'lease is known', about('set', fourth, 'lease'), begun, stepMs)
  const ended = about('expired', fourth, 'lease')
  const gone = await everyone(cluster.peers, 'lease has expired', ended, begun, leaseMs + stepMs)
  const everybody = numbers(cluster.peers)
  screen.step(last(gone) - begun, 'expire', `peer 4 set lease for ${leaseMs} ms; its end seen by ${everybody}`)
}

async function remove(cluster: Cluster, screen: Screen): Promise<void> {
  const [first] = cluster.peers as [PeerProcess]
  await spread(cluster, screen, first, { do: 'delete', key: 'machine' }, 'deletes machine')
}

async function killAndComeBack(cluster: Cluster, screen: Screen): Promise<void> {
  const victim = cluster.peers[peerCount - 1] as PeerProcess
  const survivors = othersThan(cluster, victim)
  const killed = now()
  await victim.kill()
  const lost = await everyone(survivors, `peer ${victim.number} is dead`, losing(victim), killed, stepMs)
  const who = `peer ${victim.number}, process ${victim.pid}`
  screen.step(last(lost) - killed, 'kill', `SIGKILL for ${who}; noticed by ${numbers(survivors)}`)

  const [first] = cluster.peers as [PeerProcess]
  const begun = now()
  const again = cluster.launch(victim)
  again.order({ do: 'start', port: victim.port, seeds: [first.name] })
  const [started] = await everyone([again], 'has started again', report => report.what === 'started', begun, startMs)
  const up = started?.at ?? begun
  const readme = about('set', cluster.peers[1] as PeerProcess, 'readme')
  const caughtUp = await everyone([again], 'readme is known again', readme, begun, stepMs)
  const welcome = (report: Report) => report.what === 'live' && report.peers.includes(again.name)
  const back = await everyone(survivors, `peer ${again.number} is back`, welcome, begun, stepMs)
  await everyone([again], `${peerCount - 1} others are known`, knowsAll, begun, stepMs)
  const what = `peer ${again.number} is back as process ${again.pid}`
  screen.step(Math.max(0, last(back) - up), 'return', `${what}; seen by ${numbers(survivors)}`)
  screen.step(Math.max(0, last(caughtUp) - up), 'catch up', `it knows readme again, which peer 2 had set before`)
}

/** Says how to join, and who does. */
function invite(cluster: Cluster, screen: Screen): void {
  const [first] = cluster.peers as [PeerProcess]
  const join = `new Telepathine(0, ['${first.name}'])`
  const isSource = import.meta.url.endsWith('.ts')
  const node = isSource ? 'node --import tsx' : 'node'
  const door = isSource ? './lib/index.js' : 'telepathine'
  screen.line('\nThe cluster stays up until Ctrl-C. To join it from another terminal, in this folder:\n')
  const program = `import { Telepathine } from '${door}'; ${join}.on('set', console.log).start()`
  screen.line(`  ${node} --input-type=module -e "${program}"\n`)
  screen.line(`From a program of your own: ${join}.start()`)
  const known = new Set(cluster.peers.map(peer => peer.name))
  first.follow(report => {
    if (report.what === 'lost' && known.delete(report.peer)) screen.line(`${report.peer} is gone (${report.reason})`)
    if (report.what !== 'live') return
    for (const peer of report.peers) if (!known.has(peer)) screen.line(`${peer} has joined`)
    for (const peer of report.peers) known.add(peer)
  })
  for (const peer of cluster.peers.slice(1)) peer.follow(() => undefined)
}

/** Has one peer do something, waits until all others have seen it, and shows how long that took. */
async function spread(cluster: Cluster, screen: Screen, peer: PeerProcess, order: Order, text: string): Promise<void> {
  const others = othersThan(cluster, peer)
  const asked = now()
  peer.order(order)
  const [did] = await everyone([peer], text, report => report.what === 'did', asked, stepMs)
  const verb = order.do === 'say' ? 'heard' : order.do === 'delete' ? 'seen' : 'known'
  const seen = (report: Report) =>
    order.do === 'say' ? report.what === 'heard' && report.event === order.event
    : order.do === 'set' ? about('set', peer, order.key)(report)
    : order.do === 'delete' && about('deleted', peer, order.key)(report)
  const reports = await everyone(others, `peer ${peer.number} ${text}, ${verb}`, seen, asked, stepMs)
  const ms = last(reports) - (did?.at ?? asked)
  screen.step(ms, order.do, `peer ${peer.number} ${text}; ${verb} by ${numbers(others)}`)
}

/**
 * Waits until all of `peers` have made such a report since `since`; rejects after `ms`, and names those that have not.
 */
async function everyone(
  peers: readonly PeerProcess[], did: string, test: (report: Report) => boolean, since: number, ms: number,
): Promise<Report[]> {
  const reports = await Promise.all(peers.map(peer => peer.report(test, since, ms)))
  const missing = peers.filter((_, i) => !reports[i])
  if (missing.length > 0) throw new Error(`did not happen within ${ms} ms: "${did}" by ${numbers(missing)}`)
  return reports.filter(report => report !== undefined)
}

function knowsAll(report: Report): boolean {
  return report.what === 'live' && report.peers.length === peerCount - 1
}

function about(what: 'set' | 'deleted' | 'expired', peer: PeerProcess, key: string): (report: Report) => boolean {
  return report => report.what === what && report.peer === peer.name && report.key === key
}

function losing(peer: PeerProcess): (report: Report) => boolean {
  return report => report.what === 'lost' && report.peer === peer.name
}

function othersThan(cluster: Cluster, peer: PeerProcess): PeerProcess[] {
  return cluster.peers.filter(other => other !== peer)
}

function numbers(peers: readonly PeerProcess[]): string {
  const all = peers.map(peer => peer.number)
  return `${all.length === 1 ? 'peer' : 'peers'} ${all.join(' ')}`
}

function last(reports: readonly Report[]): number {
  return Math.max(...reports.map(report => report.at))
}
