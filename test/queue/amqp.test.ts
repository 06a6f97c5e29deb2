import { EventEmitter, once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import amqp, { type ChannelModel, type ConsumeMessage } from 'amqplib'
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

/** Something that accepts connections, and never says a word. */
async function mute(t: Test): Promise<{ url: string; next: () => Promise<Socket> }> {
  const server = createServer((socket) => void socket.on('error', () => undefined).resume())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => void server.close())
  const { port } = server.address() as AddressInfo
  return {
    url: `amqp://127.0.0.1:${port}`,
    next: async () => (await once(server, 'connection') as [Socket])[0],
  }
}

/** Asks until there is an answer. */
async function answered(ask: () => Promise<unknown>): Promise<void> {
  while (!(await ask().then(() => true, () => false)));
}

t.test('a broker that says nothing is left alone after a while', async (t) => {
  const { url, next } = await mute(t)
  const came = next()
  await t.rejects(open(url, { name: 'mute', keepMs: 60_000 }, 50), { code: 'ERR_QUEUE', message: /does not answer/ })
  const socket = await came
  if (!socket.closed) await once(socket, 'close')
  t.pass('its connection is closed')
})

t.test('nor is one waited for that says nothing more once it has answered', async (t) => {
  const model = Object.assign(new EventEmitter(), { createConfirmChannel: () => new Promise(() => undefined) })
  const signals: AbortSignal[] = []
  const engine = new AMQPEngine(async (signal) => {
    signals.push(signal)
    return model as unknown as ChannelModel
  }, { name: 'mute', keepMs: 60_000 }, 20)
  await t.rejects(engine.connected, { message: /does not answer/ })
  t.equal(signals[0]?.aborted, true)
  await engine.close()
})

t.test('who is closed while it connects connects no more', async (t) => {
  const { url, next } = await mute(t)
  const broker = new Broker(url)
  const engine = new AMQPEngine(broker.connect, { name: 'mute', keepMs: 60_000 })
  const socket = await next()
  const ended = t.rejects(engine.connected, { message: 'it was closed' })
  await engine.close()
  await ended
  if (!socket.closed) await once(socket, 'close')
})

t.test('a URL that cannot be read is told of as such, without what is secret in it', async (t) => {
  for (const url of ['amqp://user:hidden@host:99999', 'amqp://user:hidden%zz@host']) {
    const error = await open(url, { name: 'url', keepMs: 60_000 }).catch((error: Error) => error)
    t.match(error, { code: 'ERR_OPTION', message: /amqp:\/\/.*%40/ })
    t.notMatch((error as Error).message, 'hidden')
  }
})

t.test('durable work on RabbitMQ', { skip }, async (t) => {
  const server = await rabbit()
  t.teardown(() => server.remove())
  const name = 'telepathine'
  const engine = async (t: Test, askMs = 15_000): Promise<{ broker: Broker; engine: AMQPEngine }> => {
    const broker = new Broker(server.url)
    const engine = new AMQPEngine(broker.connect, { name, keepMs: 3_600_000 }, askMs)
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
    const finished: Promise<void>[] = []
    const takers = await Promise.all([one, two].map((each) => each.take('s', 20, (delivery) => {
      taken.push(delivery.token)
      finished.push(each.finish(delivery, new Uint8Array(1)))
    })))
    await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : two).add(job('keyed', 's', true))))
    await one.add(job('last', 's'))
    await until(() => taken.includes('last') && taken.includes('keyed'))
    await Promise.all([...finished, ...takers.map((taker) => taker.stop())])
    // what is left is looked into one by one, and this is the last of it
    await one.add(job('end', 's'))
    const taker = await two.take('s', 1, (delivery) => {
      taken.push(delivery.token)
      finished.push(two.finish(delivery, new Uint8Array(1)))
    })
    await until(() => taken.includes('end'))
    await Promise.all([...finished, taker.stop()])
    t.strictSame(taken.sort(), ['end', 'keyed', 'last'])
  })

  await t.test('an outcome is the last that was stored, also where another is known', async (t) => {
    const { broker, engine: one } = await engine(t)
    const taker = await one.take('s', 1, (delivery) => void one.bury(delivery, Uint8Array.of(1)))
    await one.add(job('replaced', 's'))
    let known: Uint8Array | undefined
    while (known === undefined) known = await one.outcome('replaced')
    await taker.stop()
    const held: (() => void)[] = []
    broker.pass = (message, on) => {
      if (message?.fields.routingKey === `${name}.outcomes`) held.push(on)
      else on()
    }
    t.ok(await one.discard('replaced', Uint8Array.of(2)))
    const asked = one.outcome('replaced')
    await until(() => held.length > 0)
    broker.pass = (_, on) => on()
    for (const on of held) on()
    t.strictSame([...known, ...await asked ?? []], [1, 2])
  })

  await t.test('of dead letters that are looked through only those that are wanted are kept in memory', async (t) => {
    const { broker, engine: one } = await engine(t)
    const tokens = Array.from({ length: 30 }, (_, i) => `passed-${i}`)
    let buried = 0
    const taker = await one.take('s', 30, (delivery) => {
      void one.bury(delivery, new Uint8Array(1)).then(() => buried++)
    })
    await Promise.all(tokens.map((token) => one.add(job(token, 's'))))
    await until(() => buried === tokens.length)
    await taker.stop()
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    let came: WeakRef<ConsumeMessage>[] = []
    let kept = 0
    broker.pass = (message, on) => {
      const isMark = String(message?.properties.messageId).startsWith('mark ')
      if (message?.fields.routingKey !== `${name}.dead`) return on()
      if (!isMark) {
        came.push(new WeakRef(message))
        return on()
      }
      // what came in one piece is referred to until this turn is over
      setImmediate(() => {
        collect()
        kept = came.filter((each) => each.deref() !== undefined).length
        on()
      })
    }
    t.strictSame(await one.dead('quick', 100), [])
    t.equal(came.length, tokens.length)
    t.ok(kept <= 5, `${kept} are kept that are not wanted`)
    came = []
    t.equal((await one.dead('s', 3)).length, 3)
    t.equal(came.length, tokens.length)
    t.ok(kept >= 3 && kept <= 8, `${kept} are kept where 3 are wanted`)
    broker.pass = (_, on) => on()
    for (const token of tokens) t.ok(await one.discard(token, new Uint8Array(1)))
  })

  await t.test('one that says nothing when a connection is made anew is not waited for', async (t) => {
    const { broker, engine: patient } = await engine(t, 1_000)
    const { url, next } = await mute(t)
    const came = next()
    broker.url = url
    await broker.model?.close()
    await came
    broker.url = server.url
    await answered(() => patient.outcome('none'))
    t.ok(broker.publisher)
  })

  await t.test('what is never confirmed fails', async (t) => {
    const { broker, engine: asking } = await engine(t, 100)
    const { publisher } = broker
    t.ok(publisher)
    if (publisher !== undefined) publisher.publish = () => true
    await t.rejects(asking.add(job('unheard', 's')), { code: 'ERR_QUEUE', message: /does not answer/ })
  })

  await t.test('while the broker takes nothing all calls fail, and no longer', async (t) => {
    const { engine: one } = await engine(t, 500)
    const taken: string[] = []
    const finished: Promise<void>[] = []
    const take = (): ReturnType<Engine['take']> => one.take('s', 5, (delivery) => {
      taken.push(delivery.token)
      finished.push(answered(() => one.finish(delivery, new Uint8Array(1))))
    })
    const taker = await take()
    await server.ctl('set_vm_memory_high_watermark', '0.00001')
    let error: unknown
    while (error === undefined) error = await one.add(job('full', 's')).then(() => undefined, (why: unknown) => why)
    t.match(error, { code: 'ERR_QUEUE', message: /it takes nothing for now: .*memory/ })
    await t.rejects(one.outcome('none'), { code: 'ERR_QUEUE' })
    await t.rejects(one.putBlob('full', new Uint8Array(1_000_000), false), { code: 'ERR_QUEUE' })
    await t.rejects(one.dead('s', 1), { code: 'ERR_QUEUE' })
    await taker.stop()
    await server.ctl('set_vm_memory_high_watermark', '0.4')
    await answered(() => one.add(job('well', 's')))
    const again = await take()
    await until(() => taken.includes('well'))
    await Promise.all(finished)
    await again.stop()
  })

  await t.test('a key is known while its job is held and while its outcome is kept, and no longer', async (t) => {
    const broker = new Broker(server.url)
    const brief = new AMQPEngine(broker.connect, { name: 'brief', keepMs: 1_500 })
    t.teardown(() => brief.close())
    await brief.connected
    const taken: Delivery[] = []
    const tokens = (): string[] => taken.map(({ token }) => token)
    const taker = await brief.take('s', 10, (delivery) => void taken.push(delivery))
    const keyed = (delayMs: number) => brief.add({ ...job('k', 's', true), delayMs })
    const mark = async (token: string): Promise<void> => {
      await brief.add({ ...job(token, 's'), delayMs: 2_700 })
      await until(() => tokens().includes(token))
    }
    // all that is needed for delays is made
    await brief.add({ ...job('first', 's'), delayMs: 2_500 })
    await until(() => taken.length === 1)
    await keyed(2_500)
    await keyed(0)
    await until(() => taken.length === 2)
    await keyed(2_500)
    await mark('held for longer than that')
    await brief.finish(taken[1] as Delivery, new Uint8Array(1))
    await keyed(2_500)
    await mark('known')
    t.strictSame(tokens(), ['first', 'k', 'held for longer than that', 'known'])
    await keyed(0)
    await until(() => taken.length === 5)
    await brief.finish(taken[4] as Delivery, new Uint8Array(1))
    while (taken.length === 5) await keyed(0)
    t.strictSame(tokens().slice(4), ['k', 'k'], 'and to ask again and again does not have it known for longer')
    await brief.bury(taken[5] as Delivery, new Uint8Array(1))
    await keyed(0)
    t.equal(await brief.revive('k'), true)
    await until(() => taken.length === 7)
    t.equal(tokens()[6], 'k')
    await Promise.all(taken.map((delivery) => brief.finish(delivery, new Uint8Array(1))))
    await taker.stop()
  })

  await t.test('how long a key is known counts from the end of its job', async (t) => {
    const { broker, engine: one } = await engine(t)
    const taken: Delivery[] = []
    const tokens = (): string[] => taken.map(({ token }) => token)
    // one at a time, so that they come in the order in which they were stored
    const taker = await one.take('s', 1, (delivery) => void taken.push(delivery))
    for (const [at, end] of (['finish', 'bury'] as const).entries()) {
      await one.add(job(end, 's', true))
      await until(() => taken.length === 2 * at + 1)
      const channel = await broker.model?.createChannel()
      // as if its time had come
      await channel?.deleteQueue(`${name}.key.${end}`)
      await one[end](taken[2 * at] as Delivery, new Uint8Array(1))
      await one.add(job(end, 's', true))
      await one.add(job(`after ${end}`, 's'))
      await until(() => taken.length === 2 * at + 2)
      await one.finish(taken[2 * at + 1] as Delivery, new Uint8Array(1))
    }
    t.strictSame(tokens(), ['finish', 'after finish', 'bury', 'after bury'])
    t.equal(await one.discard('bury', new Uint8Array(1)), true)
    await taker.stop()
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
