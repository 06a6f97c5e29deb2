/**
 * Durable jobs of 100 bytes from one process to another, beside BullMQ: each waited for, 64 at a time; and stored as
 * fast as it goes, with nobody waiting. Ours: embedded, where each commit is on disk before it counts; and on
 * JetStream, where there is its server.
 *
 *     node --import tsx bench/queue.ts [--rivals] [--quick] [--json] [--only side …]
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QueueCommands } from './children/queue.js'
import { endAll, spawnChildren, type Child } from './lib/child.js'
import { freePorts } from './lib/peers.js'
import { readArguments, report, tell } from './lib/report.js'
import { sample } from './lib/sample.js'
import { start, startRedis } from './lib/servers.js'
import { sleep, until } from './lib/time.js'

const args = readArguments()
const repetitions = args.repetitions ?? (args.quick ? 2 : 5)
const awaitedMs = args.quick ? 1_500 : 4_000
const jobs = args.quick ? 4_000 : 20_000
const inflight = 64

interface Speed { awaited: number[]; unawaited: number[] }
interface Side { name: string; speed: Speed; client: Child<QueueCommands>; worker: Child<QueueCommands> }

const sides: Side[] = []
const ends: (() => Promise<void>)[] = []
const folder = mkdtempSync(join(tmpdir(), 'bench-queue-'))

async function addSide(name: string, prepare: (pair: Child<QueueCommands>[]) => Promise<void>): Promise<void> {
  const pair = await spawnChildren<QueueCommands>(2, 'queue')
  await prepare(pair)
  const [client, worker] = pair as [Child<QueueCommands>, Child<QueueCommands>]
  sides.push({ name, speed: { awaited: [], unawaited: [] }, client, worker })
  ends.push(() => endAll(pair))
}

async function addOurs(name: string, url: string): Promise<void> {
  await addSide(name, async ([client, worker]) => {
    const first = await worker?.call('ours', url, [], true)
    await client?.call('ours', url, [first as string], false)
  })
}

async function measure({ name, speed, client, worker }: Side): Promise<void> {
  const { perSecond } = await client.call('awaited', inflight, awaitedMs)
  await sleep(200)
  const before = await worker.call('done')
  const begun = performance.now()
  await client.call('store', jobs, inflight)
  await until('all are done', async () => await worker.call('done') >= before + jobs, 120_000, 5)
  const unawaited = jobs / ((performance.now() - begun) / 1_000)
  speed.awaited.push(perSecond)
  speed.unawaited.push(unawaited)
  tell(`${name}: ${Math.round(perSecond)}/s awaited, ${Math.round(unawaited)}/s not`)
}

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0

if (args.wants('ours')) {
  await addOurs('embedded', `file://${join(folder, 'queue')}`)
  if (has('nats-server')) {
    const [port = 0] = await freePorts(1)
    const nats = await start('nats-server', port, (data) => ['-a', '127.0.0.1', '-p', `${port}`, '-js', '-sd', data])
    ends.push(() => nats.end())
    await addOurs('JetStream', `nats://127.0.0.1:${port}`)
  } else {
    tell('JetStream is left out: there is no nats-server here')
  }
}
if (args.wants('bullmq')) {
  const redis = await startRedis()
  ends.push(() => redis.end())
  await addSide('BullMQ', async ([client, worker]) => {
    await worker?.call('bullmq', redis.port, true)
    await client?.call('bullmq', redis.port, false)
  })
}

// the first round warms up; in turns, so that what else the machine does falls on all alike
for (const side of sides) await measure(side)
for (const { speed } of sides) speed.awaited.length = speed.unawaited.length = 0
for (let i = 0; i < repetitions; i++) for (const side of sides) await measure(side)
for (const end of ends.toReversed()) await end()
rmSync(folder, { recursive: true, force: true })

const of = (name: string): Speed | undefined => sides.find((side) => side.name === name)?.speed
const ratio = (a: number[] = [], b: number[] = []): number[] => a.flatMap((value, i) => value / (b[i] ?? NaN) || [])
const [embedded, jetstream, bullmq] = [of('embedded'), of('JetStream'), of('BullMQ')]

report('queue', [
  {
    name: 'durable jobs, each waited for', unit: '1/s', better: 'more',
    ours: sample(embedded?.awaited ?? []), rivals: { bullmq: sample(bullmq?.awaited ?? []) },
    note: '64 at a time, another process does them; ours embedded, on disk before it counts; BullMQ on a Redis that '
      + 'writes nothing to disk',
  },
  {
    name: 'by BullMQ', unit: 'times', better: 'more', target: { atLeast: 2 },
    ours: sample(ratio(embedded?.awaited, bullmq?.awaited)),
  },
  {
    name: 'durable jobs, nobody waits', unit: '1/s', better: 'more',
    ours: sample(embedded?.unawaited ?? []), rivals: { bullmq: sample(bullmq?.unawaited ?? []) },
    note: 'from the first stored to the last done',
  },
  {
    name: 'by BullMQ, nobody waits', unit: 'times', better: 'more', target: { atLeast: 2 },
    ours: sample(ratio(embedded?.unawaited, bullmq?.unawaited)),
  },
  {
    name: 'on JetStream, each waited for', unit: '1/s', better: 'more',
    ours: sample(jetstream?.awaited ?? []), rivals: { bullmq: sample(bullmq?.awaited ?? []) },
  },
  {
    name: 'JetStream by BullMQ', unit: 'times', better: 'more', target: { atLeast: 1 },
    ours: sample(ratio(jetstream?.awaited, bullmq?.awaited)),
  },
  {
    name: 'on JetStream, nobody waits', unit: '1/s', better: 'more',
    ours: sample(jetstream?.unawaited ?? []), rivals: { bullmq: sample(bullmq?.unawaited ?? []) },
  },
  {
    name: 'JetStream by BullMQ, nobody waits', unit: 'times', better: 'more', target: { atLeast: 1 },
    ours: sample(ratio(jetstream?.unawaited, bullmq?.unawaited)),
  },
], args)
process.exit()
