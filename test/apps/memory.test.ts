import t from 'tap'
import { MemoryWatch, residentMBMax } from '../../lib/apps/memory.js'

t.test('a process that holds more than it may is told of once', { skip: process.platform !== 'linux' }, async t => {
  t.equal(residentMBMax(512), 1_088)
  const told: string[] = []
  await new Promise<void>(resolve => {
    // this very process holds more than nothing
    const watch = new MemoryWatch(process.pid, -31, why => (told.push(why), resolve()))
    t.teardown(() => watch.stop())
    const alive = setTimeout(resolve, 20_000)
    t.teardown(() => clearTimeout(alive))
  })
  t.match(told, [/^it held \d+ MiB of memory, allowed: 2 with memoryMB -31$/])
})
