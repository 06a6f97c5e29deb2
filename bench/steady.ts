/**
 * Whether eight busy peers, each a process, ever take each other for dead: 100 bytes set and an event said by each
 * every 50 ms, for ten minutes.
 *
 *     node --import tsx bench/steady.ts [--json] [--minutes 10]
 */
import { Cluster } from './lib/cluster.js'
import { readArguments, report, tell } from './lib/report.js'
import { sample } from './lib/sample.js'
import { now, sleep } from './lib/time.js'

const args = readArguments()
const minutes = args.minutes ?? 10

const cluster = await Cluster.start('ours', 8)
await cluster.all(child => child.call('changes'))
await cluster.all(child => child.call('busy', 50))
let stops = 0
const before = await cluster.all(child => child.call('usage'))
const end = now() + minutes * 60_000
while (now() < end) {
  await sleep(Math.min(30_000, end - now()))
  for (const changes of await cluster.all(child => child.call('changes'))) stops += changes.stops.length
  tell(`${Math.ceil((end - now()) / 1_000)} s left, ${stops} false peer:stop`)
}
const after = await cluster.all(child => child.call('usage'))
const cpu = after.map((usage, i) => {
  const begun = before[i] ?? usage
  return (usage.cpuMs - begun.cpuMs) / (usage.time - begun.time) * 100
})
await cluster.end()

report('steady', [
  { name: `false peer:stop in ${minutes} minutes`, unit: 'count', target: { atMost: 0 }, ours: sample([stops]) },
  { name: 'CPU of each busy peer', unit: '% of a core', ours: sample(cpu) },
], args)
process.exit()
