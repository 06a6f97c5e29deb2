/** Some peers in one process: for clusters that are only joined, set, watched and killed. */
import { countTraffic, type Sent } from '../lib/traffic.js'
import { loadPeer, type BenchPeer, type Kind } from '../lib/peers.js'
import { serve } from '../lib/serve.js'
import { cpuMs, now } from '../lib/time.js'

/** A `peer:stop` or `peer:start`: at which of this process's peers, whose, and when. */
export interface Change { at: number; peer: string; time: number }

interface Member { peer: BenchPeer; name: string; live: number }

const members: Member[] = []
const stops: Change[] = []
const starts: Change[] = []
/** Of the value being spread: how many of the peers here heard of it, and when the last did. */
let heard = { value: '', count: 0, last: 0 }
/** When the number of live peers last changed at any peer here. */
let lastChange = 0
const sent: Sent = countTraffic()

const commands = {
  /** Loads the class, so that `start` measures starting alone. */
  async load(kind: Kind): Promise<void> {
    PeerClass = await loadPeer(kind)
  },

  /** Starts a peer on each port, all with the same seeds; returns when the call was made. */
  start(ports: number[], seeds: string[]): number {
    const begun = now()
    for (const port of ports) {
      const name = `127.0.0.1:${port}`
      const peer = new PeerClass(port, seeds.filter(seed => seed !== name), {})
      members.push(follow({ peer, name, live: 0 }))
      peer.start()
    }
    return begun
  },

  /** The fewest live peers that any peer here sees, and when that last changed. */
  known(): { fewest: number; lastChange: number } {
    return { fewest: Math.min(...members.map(({ peer }) => peer.livePeers().length)), lastChange }
  },

  set(index: number, key: string, value: string): number {
    heard = { value, count: 0, last: 0 }
    const begun = now()
    members[index]?.peer.set(key, value)
    return begun
  },

  /** From now on `heard` is about this value. */
  listenFor(value: string): void {
    heard = { value, count: 0, last: 0 }
  },

  heard: () => ({ count: heard.count, last: heard.last }),

  /** What happened since the last call. */
  changes(): { stops: Change[]; starts: Change[] } {
    return { stops: stops.splice(0), starts: starts.splice(0) }
  },

  /** How many of these keys of these peers are known at the first peer here. */
  knows(keys: { peer: string; key: string; value: string }[]): number {
    const { peer, name } = members[0] as Member
    return keys.filter(entry => entry.value ===
      (entry.peer === name ? peer.get(entry.key) : peer.getRemote(entry.peer, entry.key))).length
  },

  /** Keeps the first peer here busy: a set of 100 bytes and an event every `everyMs`. */
  busy(everyMs: number): void {
    let count = 0
    setInterval(() => {
      const { peer } = members[0] as Member
      peer.set(`busy:${count % 100}`, `${count}`.padEnd(100, '.'))
      peer.say('busy', count++)
    }, everyMs)
  },

  /** What this process has sent and computed so far. */
  usage(): Sent & { cpuMs: number; time: number } {
    return { ...sent, streamBytes: sent.streamBytes, cpuMs: cpuMs(), time: now() }
  },
}

/** What the measuring process may call. */
export type PeersCommands = typeof commands

let PeerClass: Awaited<ReturnType<typeof loadPeer>>

function follow(member: Member): Member {
  const { peer } = member
  const at = members.length
  peer.on('peer:start', (name: string) => { lastChange = now(); starts.push({ at, peer: name, time: lastChange }) })
  peer.on('peer:stop', (name: string) => { lastChange = now(); stops.push({ at, peer: name, time: lastChange }) })
  peer.on('set', (_owner: string, _key: string, value: unknown) => {
    if (value !== heard.value) return
    heard.count += 1
    heard.last = now()
  })
  return member
}

serve(commands)
