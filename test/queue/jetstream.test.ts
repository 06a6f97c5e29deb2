import { EventEmitter, once } from 'node:events'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import t, { type Test } from 'tap'
import type { Delivery, Engine } from '../../lib/queue/engine.js'
import { JetStreamEngine, open } from '../../lib/queue/jetstream.js'
import { openQueue } from '../../lib/work/index.js'
import { contract } from './fixtures/contract.js'
import { missing, nats } from './fixtures/servers.js'
import type { Place } from './fixtures/workshop.js'

t.setTimeout(300_000)

const skip = missing('nats-server') ?? false

t.test('durable work on JetStream', { skip }, async (t) => {
  const server = await nats()
  t.teardown(() => server.remove())
  // one name for all: each test has services of its own
  const place = async (): Promise<Place> => ({ open: () => openQueue(server.url), remove: async () => undefined })
  await contract(t, place, { hasPriorities: false, tellsAll: false, isFaulty: false })
})

t.test('an engine on JetStream', { skip }, async (t) => {
  const server = await nats()
  t.teardown(() => server.remove())
  const job = (token: string) =>
    ({ token, service: 's', bytes: new Uint8Array(10), delayMs: 0, priority: 0, isKeyed: false })
  const engine = async (t: Test, name: string): Promise<Engine> => {
    const opened = await open(server.url, { name, keepMs: 60_000 })
    t.teardown(() => opened.close())
    return opened
  }
  /** A connection past the engine. */
  const hand = async (t: Test): Promise<NatsConnection> => {
    const nc = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })
    t.teardown(() => nc.close())
    return nc
  }

  const taken = (engine: Engine): Promise<Delivery> => new Promise((resolve) => void engine.take('s', 1, resolve))
  const [dead, done] = [Uint8Array.of(1), Uint8Array.of(2)]
  /** As one leaves it who buries a job, and is lost before that is acknowledged; and what sends what it did not. */
  const halfBuried = async (t: Test, name: string): Promise<(how: string) => void> => {
    const nc = await hand(t)
    let reply = ''
    const losing = new Proxy(nc, {
      get: (_, key) => {
        const value: unknown = Reflect.get(nc, key)
        if (typeof value !== 'function') return value
        return (...given: unknown[]) => {
          if (key !== 'publish' || given[1] !== '+ACK') return value.apply(nc, given) as unknown
          reply = String(given[0])
          return undefined
        }
      },
    })
    const lost = new JetStreamEngine(losing, await jetstreamManager(nc), headers, { name, keepMs: 60_000 })
    await lost.prepare(1)
    await lost.add(job('dying'))
    await lost.bury(await taken(lost), dead)
    const others = await hand(t)
    await lost.close()
    return (how) => others.publish(reply, how)
  }

  await t.test('revives a job whose last worker was lost before it acknowledged what it buried', async (t) => {
    const send = await halfBuried(t, 'again')
    const other = await engine(t, 'again')
    const arrivals = new EventEmitter()
    await other.take('s', 1, (delivery) => arrivals.emit(delivery.isDoubtful ? 'copy' : 'revived', delivery))
    send('-NAK')
    const [copy] = await once(arrivals, 'copy') as [Delivery]
    t.strictSame(await other.outcome('dying'), Buffer.from(dead))
    await other.finish(copy, dead)
    const revived = once(arrivals, 'revived') as Promise<[Delivery]>
    t.equal(await other.revive('dying'), true)
    t.equal(await other.outcome('dying'), undefined)
    t.equal((await revived)[0].attempt, 1)
  })

  for (const [how, name] of [['-NAK', 'comes again'], ['+ACK', 'is acknowledged after all']] as const) {
    await t.test(`revives it, too, before what was buried ${name}`, async (t) => {
      const send = await halfBuried(t, `early${how.slice(1)}`)
      const other = await engine(t, `early${how.slice(1)}`)
      t.equal(await other.revive('dying'), true)
      send(how)
      const delivery = await taken(other)
      t.strictSame([delivery.attempt, delivery.isDoubtful], [1, false])
      await other.finish(delivery, done)
      t.strictSame(await other.outcome('dying'), Buffer.from(done))
      t.match(await other.depths(), [{ waiting: 0, dead: 0 }])
    })
  }

  await t.test('drops an outcome that there is when it revives a job', async (t) => {
    const nc = await hand(t)
    const reviving = await engine(t, 'stale')
    await reviving.add(job('dying'))
    await reviving.bury(await taken(reviving), dead)
    await nc.request('stale.outcome.dying', done)
    await reviving.revive('dying')
    t.equal(await reviving.outcome('dying'), undefined)
  })

  await t.test('forgets a doubtful copy when the job was settled by another', async (t) => {
    const nc = await hand(t)
    const [first, second] = [await engine(t, 'copies'), await engine(t, 'copies')]
    await first.add(job('twice'))
    await taken(first)
    const arrivals = new EventEmitter()
    await second.take('s', 1, (delivery) => arrivals.emit('copy', delivery))
    void first.close()
    const [copy] = await once(arrivals, 'copy') as [Delivery]
    t.strictSame([copy.isDoubtful, await second.isCurrent(copy)], [true, true])
    await (await jetstreamManager(nc)).streams.purge('copies_jobs')
    t.equal(await second.isCurrent(copy), false)
    await second.finish(copy, done)
    t.equal(await second.outcome('twice'), undefined)
  })

  await t.test('holds a job that cannot be looked into, and looks into it again', async (t) => {
    const nc = await hand(t)
    const [first, second] = [await engine(t, 'held'), await engine(t, 'held')]
    await first.add(job('again'))
    await new Promise((resolve) => void first.take('s', 1, resolve))
    // in place of what is written down of jobs that were given back there is somebody who knows nothing
    await (await jetstreamManager(nc)).streams.delete('held_hops')
    const answer = headers(500, 'nothing')
    let asked = 0
    let aheadMs = 0
    nc.subscribe('$JS.API.DIRECT.GET.held_hops.>', {
      callback: (_, message) => {
        asked++
        // until the engine gives up
        aheadMs += 60_000
        message.respond(undefined, { headers: asked > 2 ? headers(404, 'none') : answer })
      },
    })
    await nc.flush()
    const { now } = Date
    t.teardown(() => (Date.now = now))
    Date.now = () => now() + aheadMs
    await first.close()
    const { token, isDoubtful } = await taken(second)
    t.strictSame({ token, isDoubtful, asked }, { token: 'again', isDoubtful: true, asked: 3 })
  })

  await t.test('tells a server that was killed and forgot it what is held', async (t) => {
    const nc = await hand(t)
    const holder = await engine(t, 'forgotten')
    await holder.join('peer')
    await holder.add(job('mine'))
    const delivery = await taken(holder)
    const jsm = await jetstreamManager(nc, { timeout: 500 })
    const lease = `forgotten.lease.${Buffer.from('peer').toString('base64url')}.>`
    const told = async (): Promise<string> => {
      const found = await jsm.streams.getMessage('forgotten_leases', { last_by_subj: lease }).catch(() => null)
      return found === null ? '' : Buffer.from(found.data).toString()
    }
    while (!(await told()).startsWith('$JS.ACK.')) await new Promise((resolve) => setTimeout(resolve, 5))
    const before = await told()
    await server.kill()
    await server.start()
    while ((await told()) === '') await new Promise((resolve) => setTimeout(resolve, 20))
    t.equal(await told(), before)
    await holder.finish(delivery, new Uint8Array(1))
    const later = await engine(t, 'forgotten')
    t.strictSame(await later.outcome('mine'), Buffer.alloc(1))
  })

  await t.test('tells in pieces what is held, all of which is taken back when it is lost', async (t) => {
    const [nc, lostNc] = [await hand(t), await hand(t)]
    const settings = { name: 'many', keepMs: 60_000 }
    const lost = new JetStreamEngine(lostNc, await jetstreamManager(lostNc), headers, settings)
    t.teardown(() => lost.close())
    await lost.prepare(1)
    await lost.join('peer')
    const count = 1_001
    await Promise.all(Array.from({ length: count }, (_, at) => lost.add(job(`many-${at}`))))
    const told = nc.subscribe(`many.lease.${Buffer.from('peer').toString('base64url')}.>`)
    await nc.flush()
    await lost.take('s', count, () => undefined)
    const held = new Map<string, number>()
    for await (const { subject, data } of told) {
      held.set(subject.slice(-2), Buffer.from(data).toString().split('\n').length)
      if (held.get('.0') === 1_000 && held.get('.1') === 1) break
    }
    const other = await engine(t, 'many')
    const given = nc.subscribe('$JS.ACK.many_jobs.>')
    await nc.flush()
    await lostNc.close()
    other.lost('peer')
    const back = new Set<string>()
    for await (const { subject, data } of given) {
      if (Buffer.from(data).toString() === '-NAK' && back.add(subject).size === count) break
    }
  })

  await t.test('goes on when the server lets it in again that did not for a while', async (t) => {
    const guest = await open(server.url.replace('//', '//u:p:%40@'), { name: 'guest', keepMs: 60_000 })
    t.teardown(() => guest.close())
    const url = { servers: server.url, user: 'u', pass: 'p:@', maxReconnectAttempts: -1, reconnectTimeWait: 1_500 }
    const other = await connect(url)
    await server.kill()
    await server.start(['--user', 'somebody', '--pass', 'else'])
    // it gives up when it was refused twice, which the engine was by then, as it asks more often
    await other.closed()
    await server.kill()
    await server.start(['--user', 'u', '--pass', 'p:@'])
    t.teardown(async () => {
      await server.kill()
      await server.start()
    })
    await guest.add(job('after'))
    t.equal((await taken(guest)).token, 'after')
  })

  await t.test('knows of a delay as long as it is, and of an outcome for a while', async (t) => {
    const nc = await hand(t)
    const delaying = await open(server.url, { name: 'kept', keepMs: 1_000 })
    t.teardown(() => delaying.close())
    const jsm = await jetstreamManager(nc)
    const { config } = await jsm.streams.info('kept_hops')
    t.ok(config.max_age > 366 * 86_400_000 * 1e6, 'a year is the longest delay')
    const outcomes = await jsm.streams.info('kept_outcomes')
    t.ok(outcomes.config.max_age > 10_000 * 1e6, 'what is not acknowledged comes again after 10 s')
    await delaying.add({ ...job('late'), delayMs: 50 })
    const delivery = await taken(delaying)
    t.equal(delivery.attempt, 1)
    await delaying.finish(delivery, done)
    const hops = async (): Promise<number> => (await jsm.streams.info('kept_hops')).state.messages
    while ((await hops()) > 0) await new Promise(setImmediate)
  })

  await t.test('tells that its client gave up, unless it is closed', async (t) => {
    const lost: string[] = []
    const [first, second] = await Promise.all(['first', 'second'].map(async (name) => {
      const nc = await hand(t)
      const engine = new JetStreamEngine(nc, await jetstreamManager(nc), headers, { name, keepMs: 60_000 })
      t.teardown(() => engine.close())
      engine.onLost(({ message }) => lost.push(`${name}: ${message}`))
      return { nc, engine }
    }))
    await first?.engine.close()
    await second?.nc.close()
    t.strictSame(lost, ['second: the connection to JetStream was given up'])
  })

  await t.test('refuses what it cannot be opened by', async (t) => {
    const host = server.url.slice('nats://'.length)
    for (const what of [`${host}?replicas=2.5`, `${host}?replicas=6`, `%zz:p@${host}`, `:p@${host}`, 'u:p@', '']) {
      await t.rejects(open(`nats://${what}`, { name: 'x', keepMs: 60_000 }), { code: 'ERR_OPTION' }, what)
    }
    const secret = t.rejects(open('nats://u:se@cret@127.0.0.1:1', { name: 'x', keepMs: 60_000 }), {
      code: 'ERR_QUEUE', message: /JetStream at nats:\/\/127\.0\.0\.1:1 cannot/,
    })
    await secret
  })

  await t.test('is closed, however it is with the server', async (t) => {
    const [closing, other] = [await engine(t, 'still'), await engine(t, 'still')]
    await closing.add(job('held'))
    const delivery = await taken(closing)
    process.kill(server.pid, 'SIGSTOP')
    t.teardown(() => process.kill(server.pid, 'SIGCONT'))
    const putBack = t.rejects(closing.putBack(delivery, 0, false), { code: 'ERR_QUEUE' })
    await closing.close()
    await putBack
    process.kill(server.pid, 'SIGCONT')
    t.equal((await taken(other)).token, 'held')
  })

  await t.test('counts dead letters, whatever becomes of them', async (t) => {
    const counting = await engine(t, 'counted')
    const bury = (): Promise<void> => new Promise((resolve) => {
      let buried = 0
      void counting.take('s', 5, (delivery) => {
        void counting.bury(delivery, new Uint8Array(1)).then(() => ++buried % 5 === 0 && resolve())
      })
    })
    const burying = bury()
    const count = async (): Promise<unknown> => (await counting.depths()).map(({ service, dead }) => [service, dead])
    for (let i = 0; i < 5; i++) await counting.add(job(`dead-${i}`))
    await counting.add({ ...job('other'), service: 'other' })
    await burying
    t.strictSame(await count(), [['s', 5], ['other', 0]])
    await counting.discard('dead-0', new Uint8Array(1))
    t.strictSame(await count(), [['s', 4], ['other', 0]])
    t.equal(await counting.revive('dead-1'), true)
    while ((await counting.dead('s', 9)).at(-1)?.token !== 'dead-1') await new Promise(setImmediate)
    t.strictSame(await count(), [['s', 4], ['other', 0]], 'one that is buried again is there once')
    await server.kill()
    await server.start()
    t.strictSame(await count(), [['s', 4], ['other', 0]], 'nor does one come back that was dropped')
  })
})
