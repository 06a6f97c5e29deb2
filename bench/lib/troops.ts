/** Clusters of rivals, each member a process that can be lost, all asked alike how soon the others notice. */
import type { MoleculerCommands } from '../children/moleculer.js'
import { endAll, spawnChildren, type Child } from './child.js'
import { Cluster } from './cluster.js'
import { freePorts } from './peers.js'
import { startSerfs } from './serf.js'
import { startNats } from './servers.js'
import { now, sleep, until } from './time.js'

/** How a member is lost: gone, or there and silent. */
export type Signal = 'SIGKILL' | 'SIGSTOP'

/** One cluster, whose members know each other. */
export interface Troop {
  readonly pids: readonly number[]
  /** Sends the signal; when the last of the others noticed, undefined if one did not within `msMax`. */
  lose(index: number, signal: Signal, msMax: number): Promise<number | undefined>
  end(): Promise<void>
}

/** Knows for each of the others when it noticed; undefined while it has not. */
type Ask = () => Promise<(number | undefined)[]>

async function lastOf(ask: Ask, msMax: number): Promise<number | undefined> {
  for (const end = now() + msMax; now() < end; await sleep(50)) {
    const times = await ask()
    if (times.every(time => time !== undefined)) return Math.max(...times)
  }
  return undefined
}

async function original(count: number): Promise<Troop> {
  const cluster = await Cluster.start('original', count)
  return {
    pids: cluster.members.map(({ child }) => child.pid),
    async lose(index, signal, msMax) {
      await cluster.all(child => child.call('changes'))
      const victim = cluster.take(index)
      const times = new Map<number, number>()
      victim.child.signal(signal)
      const noticed = await lastOf(() => cluster.all(async (child, i) => {
        const stop = (await child.call('changes')).stops.find(({ peer }) => peer === victim.name)
        if (stop !== undefined && !times.has(i)) times.set(i, stop.time)
        return times.get(i)
      }), msMax)
      victim.child.signal('SIGKILL')
      return noticed
    },
    end: () => cluster.end(),
  }
}

/** Moleculer over TCP; with a NATS server, over that. */
async function moleculer(count: number, isOverNats: boolean): Promise<Troop> {
  const server = isOverNats ? await startNats() : undefined
  const children: Child<MoleculerCommands>[] = await spawnChildren(count, 'moleculer')
  await Promise.all(children.map(child => child.call('load')))
  const means = server === undefined ? { tcp: await freePorts(count) } : { nats: server.port }
  await Promise.all(children.map((child, i) => child.call('start', [i], means)))
  await until(`${count} nodes know each other`, async () =>
    (await Promise.all(children.map(child => child.call('known')))).every(({ fewest }) => fewest === count - 1),
  120_000, 250)
  return {
    pids: [...children.map(({ pid }) => pid), ...server === undefined ? [] : [server.pid]],
    async lose(index, signal, msMax) {
      const others = children.filter((_, i) => i !== index)
      const times = new Map<number, number>()
      children[index]?.signal(signal)
      const noticed = await lastOf(() => Promise.all(others.map(async (child, i) => {
        const stop = (await child.call('stops')).find(({ peer }) => peer === `node-${index}`)
        if (stop !== undefined && !times.has(i)) times.set(i, stop.time)
        return times.get(i)
      })), msMax)
      children[index]?.signal('SIGKILL')
      return noticed
    },
    end: () => endAll(server === undefined ? children : [...children, server]),
  }
}

async function serf(count: number): Promise<Troop> {
  const agents = await startSerfs(count)
  await Promise.all(agents.slice(1).map(agent => agent.join(agents[0]?.name ?? '')))
  await until(`${count} agents know each other`, async () =>
    (await Promise.all(agents.map(agent => agent.alive()))).every(alive => alive === count), 120_000, 250)
  return {
    pids: agents.map(({ pid }) => pid),
    async lose(index, signal, msMax) {
      const victim = agents[index]?.name ?? ''
      const others = agents.filter((_, i) => i !== index)
      const times = new Map<number, number>()
      agents[index]?.signal(signal)
      const noticed = await lastOf(() => Promise.all(others.map(async (agent, i) => {
        if (!times.has(i) && await agent.failed(victim)) times.set(i, now())
        return times.get(i)
      })), msMax)
      agents[index]?.signal('SIGKILL')
      return noticed
    },
    end: () => endAll(agents),
  }
}

/** How to start each. */
export const troops = {
  original,
  serf,
  moleculerTcp: (count: number): Promise<Troop> => moleculer(count, false),
  moleculerNats: (count: number): Promise<Troop> => moleculer(count, true),
}
