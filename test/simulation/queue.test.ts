import t from 'tap'
import { seededRandom } from '../../lib/gossip/random.js'
import { EventQueue } from '../../simulation/queue.js'

function named(name: string, happened: string[]): { happen(): void } {
  return { happen: () => void happened.push(name) }
}

function drain(queue: EventQueue): void {
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) next.happen()
}

t.test('what is due sooner comes first', async (t) => {
  const queue = new EventQueue()
  const happened: string[] = []
  for (const atUs of [5, 1, 4, 2, 3]) queue.push(atUs, named(String(atUs), happened))
  t.equal(queue.nextAtUs, 1)
  drain(queue)
  t.strictSame(happened, ['1', '2', '3', '4', '5'])
  t.equal(queue.nextAtUs, Infinity, 'nothing is left')
})

t.test('what is due at the same moment comes in the order it was asked for', async (t) => {
  const queue = new EventQueue()
  const random = seededRandom(1)
  const happened: string[] = []
  const asked: { atUs: number; name: string }[] = []
  for (let i = 0; i < 5_000; i++) {
    const atUs = random.below(50)
    asked.push({ atUs, name: String(i) })
    queue.push(atUs, named(String(i), happened))
  }
  drain(queue)
  const expected = asked.toSorted((a, b) => a.atUs - b.atUs).map(({ name }) => name)
  t.strictSame(happened, expected)
})

t.test('what is added while others are taken out finds its place', async (t) => {
  const queue = new EventQueue()
  const random = seededRandom(2)
  let nowUs = 0
  let taken = 0
  for (let i = 0; i < 3_000; i++) queue.push(random.below(1_000), { happen: () => void taken++ })
  let wentBack = 0
  while (queue.size > 0) {
    if (queue.nextAtUs < nowUs) wentBack++
    nowUs = queue.nextAtUs
    queue.pop()?.happen()
    if (taken < 6_000 && random.below(2) === 0) queue.push(nowUs + random.below(100), { happen: () => void taken++ })
  }
  t.equal(wentBack, 0, 'time never goes back')
  t.ok(taken > 3_000)
})
