import amqp from 'amqplib'
import t, { type Test } from 'tap'
import { AMQPEngine, open } from '../../lib/queue/amqp.js'
import type { Delivery, Engine } from '../../lib/queue/engine.js'
import { openQueue } from '../../lib/work/index.js'
import { until } from '../fixtures/until.js'
import { Broker } from './fixtures/broker.js'
import { contract, services } from './fixtures/contract.js'
import { missing, rabbit } from './fixtures/servers.js'
import type { Place } from './fixtures/workshop.js'

// a new queue is left alone for a while, and each test has some
t.setTimeout(300_000)

const skip = missing('rabbitmq-server') ?? false

const job = (token: string, service: string, isKeyed = false) =>
  ({ token, service, bytes: new Uint8Array(10), delayMs: 0, priority: 0, isKeyed })

t.test('durable work on RabbitMQ', { skip }, async (t) => {
  const server = await rabbit()
  t.teardown(() => server.remove())
  const name = 'telepathine'
  const engine = async (t: Test): Promise<{ broker: Broker; engine: AMQPEngine }> => {
    const broker = new Broker(server.url)
    const engine = new AMQPEngine(broker.connect, { name, keepMs: 3_600_000 })
    t.teardown(() => engine.close())
    await engine.connected
    return { broker, engine }
  }
  // the first use of a name takes its time, that of many at a time no longer
  const { engine: first } = await engine(t)
  const make = async (service: string): Promise<void> => (await first.take(service, 1, () => undefined)).stop()
  await Promise.all([...[...services, 's'].map(make), first.add({ ...job('late', 'nobody'), delayMs: 600 })])

  await t.test('all who look through the dead letters at a time see all of them', async (t) => {
    const engines = await Promise.all([engine(t), engine(t)])
    const [one, two] = engines.map((each) => each.engine) as [AMQPEngine, AMQPEngine]
    const tokens = Array.from({ length: 20 }, (_, i) => `dead-${i}`)
    let buried = 0
    const taker = await one.take('s', 20, (delivery) => {
      void one.bury(delivery, new Uint8Array(1)).then(() => buried++)
    })
    await Promise.all(tokens.map((token) => one.add(job(token, 's'))))
    await until(() => buried === tokens.length)
    await taker.stop()
    const seen = await Promise.all([one, two, one, two, two].map((each) => each.dead('s', 1_000)))
    for (const letters of seen) t.strictSame(new Set(letters.map(({ token }) => token)), new Set(tokens))
    const all = await Promise.all(tokens.map((token, i) => (i % 2 === 0 ? one : two).discard(token, new Uint8Array(1))))
    t.notOk(all.includes(false), 'and each is found by who is to drop it')
    t.strictSame(await one.dead('s', 1_000), [])
  })

  await t.test('all who read a large value at a time get all of it', async (t) => {
    const [{ engine: one }, { engine: two }] = [await engine(t), await engine(t)]
    const bytes = Buffer.alloc(1_000_000, 'large')
    await one.putBlob('blob', bytes, false)
    const read = await Promise.all([one, two, one, two].map((each) => each.blob('blob')))
    for (const each of read) t.ok(each !== undefined && bytes.equals(each))
    await one.dropBlob('blob')
    t.equal(await two.blob('blob'), undefined)
  })

  await t.test('a job that cannot be looked into is given back, and nothing is left of that', async (t) => {
    const { broker, engine: taking } = await engine(t)
    const { now } = Date
    let aheadMs = 0
    Date.now = () => now() + aheadMs
    t.teardown(() => (Date.now = now))
    const taken: Delivery[] = []
    const taker = await taking.take('s', 1, (delivery) => void taken.push(delivery))
    let failed = 0
    broker.isFailing = (what) => {
      if (what !== 'open' || failed > 0) return false
      failed++
      // the engine tries no longer
      aheadMs += 60_000
      return true
    }
    await taking.add(job('unsorted', 's', true))
    await until(() => taken.length === 1)
    t.equal(failed, 1)
    await taking.finish(taken[0] as Delivery, new Uint8Array(1))
    await taker.stop()
    t.equal(broker.taking(`${name}.work.s`), undefined, 'its channel is closed')
  })

  await t.test('who could not take leaves no channel behind', async (t) => {
    const { broker, engine: taking } = await engine(t)
    await taking.outcome('none')
    const before = broker.open.size
    let failed = 0
    broker.isFailing = (what) => what === `${name}.work.s` && failed++ < 2
    const taker = await taking.take('s', 1, () => undefined)
    t.equal(failed, 3)
    t.equal(broker.open.size, before + 1)
    await taker.stop()
    t.equal(broker.open.size, before)
  })

  await t.test('a channel that ends alone is replaced, whatever it is for', async (t) => {
    const { broker, engine: taking } = await engine(t)
    const taken: string[] = []
    const taker = await taking.take('s', 5, (delivery) => {
      taken.push(delivery.token)
      void taking.finish(delivery, Buffer.from(delivery.token))
    })
    const seen: string[] = []
    for (const token of ['one', 'two', 'three']) await taking.watch(token, (bytes) => seen.push(String(bytes)))
    for (const [at, end] of [
      () => broker.taking(`${name}.work.s`), () => broker.taking(`${name}.outcomes`), () => broker.publisher,
    ].entries()) {
      const token = ['one', 'two', 'three'][at] as string
      const channel = end()
      await channel?.close()
      await taking.add(job(token, 's'))
      await until(() => taken.includes(token) && seen.includes(token))
      t.not(end(), channel)
      t.ok(end())
    }
    await taker.stop()
  })

  await t.test('of many jobs with one key, stored and taken at a time, one is done', async (t) => {
    const [{ engine: one }, { engine: two }] = [await engine(t), await engine(t)]
    const taken: string[] = []
    const takers = await Promise.all([one, two].map((each) => each.take('s', 20, (delivery) => {
      taken.push(delivery.token)
      void each.finish(delivery, new Uint8Array(1))
    })))
    await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : two).add(job('keyed', 's', true))))
    await one.add(job('last', 's'))
    await until(() => taken.includes('last'))
    const count = async (): Promise<number> =>
      (await one.depths()).find(({ service }) => service === 's')?.waiting ?? -1
    while (await count() > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await Promise.all(takers.map((taker) => taker.stop()))
    t.strictSame(taken.filter((token) => token === 'keyed'), ['keyed'])
  })

  // one name for all: each test has services of its own
  const place = async (): Promise<Place> => ({ open: () => openQueue(server.url), remove: async () => undefined })
  await contract(t, place, { hasPriorities: false, tellsAll: false, isFaulty: false })
})

t.test('a broker that dies while a queue is new', { skip }, async (t) => {
  const server = await rabbit()
  t.teardown(() => server.remove())
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
