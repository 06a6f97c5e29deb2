/** One peer with many keys of its own, or a newcomer that gets them. */
import { loadPeer, type BenchPeer } from '../lib/peers.js'
import { keyName, numberOf, payload } from '../lib/payload.js'
import { connectRedis } from '../lib/redis.js'
import { serve } from '../lib/serve.js'
import { now, stopwatch, type Taken } from '../lib/time.js'
import { usageOf } from '../lib/usage.js'

const options = { maxStateBytes: 1 << 30 }
let peer: BenchPeer

const commands = {
  /** Starts the owner on a port, with this many keys. */
  async own(kind: 'ours' | 'original', port: number, count: number): Promise<void> {
    const Peer = await loadPeer(kind)
    peer = new Peer(port, [], options)
    await new Promise(resolve => { peer.once('start', resolve); peer.start() })
    await setAll(peer, count)
  },

  /** Loads the class, so that `join` measures joining alone. */
  async load(kind: 'ours' | 'original'): Promise<void> {
    await loadPeer(kind)
  },

  /**
   * Starts a newcomer and returns what it took until it knows all of the owner's keys. With `listening` every value
   * is handed to a `set` handler, decoded; otherwise only the last key's is.
   */
  async join(
    kind: 'ours' | 'original', port: number, owner: string, count: number, listening: boolean,
  ): Promise<Taken> {
    const Peer = await loadPeer(kind)
    peer = new Peer(port, [owner], options)
    const watch = stopwatch()
    const last = keyName(count - 1)
    let heard = 0
    await new Promise<void>(resolve => {
      if (listening) peer.on('set', (_peer: string, _key: string, value: string) => {
        if (numberOf(value) >= 0 && ++heard === count) resolve()
      })
      else peer.on(`set:${last}`, () => resolve())
      peer.start()
    })
    const taken = watch()
    // the original has a key more, for its heartbeat
    const known = peer.getRemoteKeys(owner).filter(key => key.startsWith('key:')).length
    if (known !== count) throw new Error(`${known} of ${count} keys`)
    if (peer.getRemote(owner, keyName(7)) !== payload(7)) throw new Error('a value is wrong')
    return taken
  },

  /** The same in a Redis. */
  async fillRedis(port: number, pid: number, count: number): Promise<Filled> {
    const redis = await connectRedis(port)
    const used = async (): Promise<number> =>
      Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]) || NaN
    const [before, residentBefore] = [await used(), usageOf(pid).privateBytes]
    const begun = now()
    await setInRedis((key, value) => redis.set(key, value), count)
    const takenMs = now() - begun
    if (await redis.get(keyName(count - 1)) !== payload(count - 1)) throw new Error('a key is missing')
    return { takenMs, bytes: await used() - before, residentBytes: usageOf(pid).privateBytes - residentBefore }
  },

  /** Be the owner: so many keys in one hash of a Redis. */
  async ownRedis(port: number, count: number): Promise<void> {
    const redis = await connectRedis(port)
    await setInRedis((key, value) => redis.hset('keys', key, value), count)
  },

  /** Be the newcomer: what it takes to get them all. */
  async joinRedis(port: number, count: number): Promise<Taken> {
    const watch = stopwatch()
    const redis = await connectRedis(port)
    const keys = await redis.hgetall('keys')
    const taken = watch()
    if (Object.keys(keys).length !== count) throw new Error('keys are missing')
    return taken
  },

  /** Sets a million keys without any other peer; ms taken, and what a key costs in memory in all. */
  async fill(kind: 'ours' | 'original' | 'map', port: number, count: number): Promise<Filled> {
    const collect = globalThis.gc
    if (collect === undefined) throw new Error('needs --expose-gc')
    const set = kind === 'map' ? await mapSetter() : undefined
    if (kind !== 'map') {
      const Peer = await loadPeer(kind)
      peer = new Peer(port, [], options)
      await new Promise(resolve => { peer.once('start', resolve); peer.start() })
    }
    collect(); collect()
    const before = process.memoryUsage()
    const begun = now()
    if (set !== undefined) for (let n = 0; n < count; n++) set(keyName(n), payload(n))
    else await setAll(peer, count)
    const takenMs = now() - begun
    await new Promise(resolve => setTimeout(resolve, 2_000)) // the original has a closure waiting for each key
    collect(); collect()
    const after = process.memoryUsage()
    if (set === undefined && peer.get(keyName(count - 1)) !== payload(count - 1)) throw new Error('a key is missing')
    return {
      takenMs,
      // `external` holds the array buffers already.
      bytes: after.heapUsed - before.heapUsed + after.external - before.external,
      residentBytes: after.rss - before.rss,
    }
  },
}

/** What it took to set the keys, and what they occupy after a garbage collection. */
export interface Filled { takenMs: number; bytes: number; residentBytes: number }

/** What the measuring process may call. */
export type KeysCommands = typeof commands

/** Sets them as a user would: as fast as the peer lets one, waiting for `drain` when it says so. */
async function setAll(owner: BenchPeer, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    if (owner.set(keyName(n), payload(n)) === false) await new Promise(resolve => owner.once('drain', resolve))
  }
}

/** As many at a time as go well together. */
async function setInRedis(set: (key: string, value: string) => Promise<unknown>, count: number): Promise<void> {
  for (let n = 0; n < count;) {
    const batch: Promise<unknown>[] = []
    for (; batch.length < 2_000 && n < count; n++) batch.push(set(keyName(n), payload(n)))
    await Promise.all(batch)
  }
}

/** The floor: a Map of encoded values. */
async function mapSetter(): Promise<(key: string, value: string) => void> {
  const { pack } = await import('msgpackr')
  const map = new Map<string, Uint8Array>()
  Object.assign(globalThis, { kept: map })
  return (key, value) => void map.set(key, pack(value))
}

serve(commands)
