import amqp from 'amqplib'
import t, { type Test } from 'tap'
import type { Engine } from '../../lib/queue/engine.js'
import { open } from '../../lib/queue/amqp.js'
import { openQueue } from '../../lib/work/index.js'
import { contract } from './fixtures/contract.js'
import { missing, rabbit } from './fixtures/servers.js'
import type { Place } from './fixtures/workshop.js'

// a new queue is left alone for a while, and each test has some
t.setTimeout(300_000)

const skip = missing('rabbitmq-server') ?? false

t.test('durable work on RabbitMQ', { skip }, async (t) => {
  const server = await rabbit()
  t.teardown(() => server.remove())
  // one name for all: each test has services of its own, and the first use of a name takes its time
  const place = async (): Promise<Place> => ({ open: () => openQueue(server.url), remove: async () => undefined })
  await contract(t, place, { hasPriorities: false, tellsAll: false, isFaulty: false })
})

t.test('a broker that dies while a queue is new', { skip }, async (t) => {
  const server = await rabbit()
  t.teardown(() => server.remove())
  const job = (token: string, service: string) =>
    ({ token, service, bytes: new Uint8Array(10), delayMs: 0, priority: 0, isKeyed: false })
  const engine = async (t: Test): Promise<Engine> => {
    const opened = await open(server.url, { name: 'new', keepMs: 60_000 })
    t.teardown(() => opened.close())
    return opened
  }
  /** Resolves when a job comes. */
  const come = (engine: Engine, service: string, expected: string): Promise<void> => new Promise((resolve, reject) => {
    engine.take(service, 10, ({ token }) => token === expected && resolve()).catch(reject)
  })
  const crash = async (): Promise<void> => {
    await server.kill()
    await server.start()
  }

  await t.test('loses nothing that another than its maker stored', async (t) => {
    const [maker, other] = [await engine(t), await engine(t)]
    const first = maker.add(job('first', 's'))
    await other.add(job('second', 's'))
    await crash()
    await first
    await come(await engine(t), 's', 'second')
  })

  await t.test('leaves one that is good for nothing, which is made anew', async (t) => {
    const raw = await amqp.connect(server.url)
    raw.on('error', () => undefined)
    const options = { arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000_000 } }
    await (await raw.createChannel()).assertQueue('new.work.ill', options)
    await crash()
    const doctor = await engine(t)
    await doctor.add(job('third', 'ill'))
    await come(doctor, 'ill', 'third')
  })
})
