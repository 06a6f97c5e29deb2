import { fork, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { extname } from 'node:path'
import t, { type Test } from 'tap'
import { type ErrorCode, Telepathine, TelepathineError } from '../../lib/index.js'
import type { Engine } from '../../lib/queue/engine.js'
import { Queue } from '../../lib/queue/queue.js'
import { holdersName } from '../../lib/work/durable.js'
import { Dispatcher, openQueue } from '../../lib/work/index.js'
import { until } from '../fixtures/until.js'
import { contract } from '../queue/fixtures/contract.js'
import { Faults, faulty } from '../queue/fixtures/faulty.js'
import { ManualEngine } from '../queue/fixtures/manual.js'
import type { Place } from '../queue/fixtures/workshop.js'
import { Crew } from './fixtures/crew.js'
import type { Told } from './fixtures/labourer.js'

t.setTimeout(300_000)

async function folder(t: Test): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'telepathine-durable-'))
  t.teardown(() => rm(made, { recursive: true, force: true }))
  return made
}

async function peerWith(t: Test, queue: Queue, seeds: readonly string[] = []) {
  const peer = await new Telepathine(0, [...seeds]).start().ready()
  const work = new Dispatcher(peer, { queue })
  t.teardown(async () => {
    await work.stop({ grace: 0 })
    await queue.close()
    await peer.stop()
  })
  return { peer, work }
}

function denied(message: string): TelepathineError {
  return new TelepathineError('ERR_DENIED', message)
}

/** A process that has the queue open, and says what it does. */
class Labourer {
  readonly child: ChildProcess
  readonly told: Told[] = []

  constructor(t: Test, url: string, seed: string) {
    const script = new URL(`fixtures/labourer${extname(import.meta.url)}`, import.meta.url)
    this.child = fork(script, [url, seed], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.child.on('message', (told: Told) => this.told.push(told))
    t.teardown(() => this.signal('SIGKILL'))
  }

  signal(how: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(how)
  }

  async began(token?: string): Promise<Told> {
    const find = (): Told | undefined =>
      this.told.find((each) => each.what === 'began' && (token === undefined || each.token === token))
    await until(() => find() !== undefined)
    return find() as Told
  }
}

t.test('durable work on an engine that fails, dawdles and delivers twice', async (t) => {
  const place = async (): Promise<Place> => {
    const path = await mkdtemp(join(tmpdir(), 'telepathine-faulty-'))
    const faults = new Faults(7)
    return {
      open: async () => {
        const queue = await openQueue(`file://${path}`)
        return new Queue(queue.url, faulty(queue.engine, faults))
      },
      remove: () => rm(path, { recursive: true, force: true }),
    }
  }
  await contract(t, place, { hasPriorities: true, tellsAll: true, isFaulty: true })
})

t.test('a job whose worker is killed is done by another, at once; one that is merely blocked keeps it', async (t) => {
  const url = `file://${await folder(t)}`
  const { peer, work } = await peerWith(t, await openQueue(url))
  const [first, second] = [new Labourer(t, url, peer.name), new Labourer(t, url, peer.name)]
  await Promise.all([first, second].map((each) => until(() => each.told.length > 0)))
  await until(() => peer.livePeers().length === 2)
  const waits = await work.enqueue('wait', 'a')
  await until(() => [first, second].some(({ told }) => told.some(({ what }) => what === 'began')))
  const [holder, other] = first.told.some(({ what }) => what === 'began') ? [first, second] : [second, first]
  // stopped, it answers nobody, and membership takes it for dead
  holder.signal('SIGSTOP')
  await until(() => peer.deadPeers().length === 1)
  t.equal(await work.peek(waits), undefined)
  t.equal(other.told.some(({ what }) => what === 'began'), false, 'nobody else begins it')
  holder.signal('SIGCONT')
  await until(() => peer.livePeers().length === 2)
  holder.signal('SIGKILL')
  const again = await other.began()
  t.equal(again.attempt, 2)
  other.child.send('release')
  t.equal(await work.outcome(waits), again.pid)
})

t.test('a synchronous handler keeps its job while the loop stands still', async (t) => {
  const url = `file://${await folder(t)}`
  const { peer, work } = await peerWith(t, await openQueue(url))
  const [first, second] = [new Labourer(t, url, peer.name), new Labourer(t, url, peer.name)]
  await Promise.all([first, second].map((each) => until(() => each.told.length > 0)))
  // until membership has given it up, and longer
  const token = await work.enqueue('block', 4_500)
  const pid = await work.outcome(token)
  const begun = [...first.told, ...second.told].filter(({ what }) => what === 'began')
  t.strictSame(begun.map((each) => each.pid), [pid], 'begun once')
})

t.test('a job that kills its worker each time ends among the dead letters', async (t) => {
  const url = `file://${await folder(t)}`
  const { peer, work } = await peerWith(t, await openQueue(url))
  const token = await work.enqueue('suicide', '', { attempts: 2 })
  for (let i = 0; i < 2; i++) {
    const labourer = new Labourer(t, url, peer.name)
    await until(() => labourer.child.signalCode !== null)
  }
  const last = new Labourer(t, url, peer.name)
  await t.rejects(work.outcome(token), { code: 'ERR_PEER_LOST' })
  t.equal(last.child.signalCode, null, 'it is not begun a third time')
  t.match(await work.dead('suicide'), [{ token, attempts: 2, error: { code: 'ERR_PEER_LOST' } }])
})

t.test('a taker that is left over, as it was made and then the engine failed, does not outrun others', async (t) => {
  const url = `file://${await folder(t)}`
  const [one, two] = [await openQueue(url), await openQueue(url)]
  const engine = faulty(one, new Faults(1), { isQuiet: true })
  let takes = 0
  let deliveries = 0
  const take: Engine['take'] = async (service, room, deliver) => {
    const taker = await engine.take(service, room, (delivery) => {
      deliveries++
      deliver(delivery)
    })
    if (++takes === 1) throw new TelepathineError('ERR_QUEUE', 'it is made, and the engine failed')
    return taker
  }
  const a = await peerWith(t, new Queue('failing', { ...engine, take }))
  const b = await peerWith(t, two, [a.peer.name])
  const withdraw = a.work.serve('contested', () => 'by a', { durable: true })
  await until(() => takes === 2)
  await withdraw()
  const token = await a.work.enqueue('contested', '')
  await until(() => deliveries > 0)
  b.work.serve('contested', () => 'by b', { durable: true })
  t.equal(await b.work.outcome(token), 'by b')
})

t.test('what a doubtful engine delivers again is not begun while a living peer is at it', async (t) => {
  const url = `file://${await folder(t)}`
  const [one, two] = [await openQueue(url), await openQueue(url)]
  const faults = new Faults(1)
  const a = await peerWith(t, one)
  const b = await peerWith(t, new Queue('again', faulty(two, faults, { isQuiet: true })), [a.peer.name])
  const begun: string[] = []
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  a.work.serve('held', async () => {
    begun.push('a')
    await held
    return 'by a'
  }, { durable: true })
  const token = await a.work.enqueue('held', '')
  await until(() => begun.length === 1)
  await b.work.waitFor('held')
  b.work.serve('held', () => {
    begun.push('b')
    return 'by b'
  }, { durable: true })
  await faults.deliver({ token, service: 'held', attempt: 2 })
  release()
  t.equal(await b.work.outcome(token), 'by a')
  await faults.settled(token)
  t.strictSame(begun, ['a'], 'and its outcome serves for both')
})

t.test('a living peer that does not say whether it is at a job may be', async (t) => {
  const url = `file://${await folder(t)}`
  const faults = new Faults(1)
  const b = await peerWith(t, new Queue('again', faulty(await openQueue(url), faults, { isQuiet: true })))
  const peer = await new Telepathine(0, [b.peer.name]).start().ready()
  const silent = new Dispatcher(peer)
  t.teardown(() => peer.stop())
  let asked = 0
  const withdraw = silent.serve(holdersName, () => {
    asked++
    throw new TelepathineError('ERR_DENIED', 'it does not say')
  })
  const begun: string[] = []
  b.work.serve('unsaid', (text: string) => void begun.push(text), { durable: true })
  await until(() => b.work.workers(holdersName).length === 2)
  await faults.deliver({ token: await b.work.enqueue('other', ''), service: 'unsaid', attempt: 2 })
  await until(() => asked === 2)
  t.strictSame(begun, [], 'it is asked again')
  await withdraw()
  await until(() => begun.length === 1)
})

t.test('the loss of the engine in the middle is survived', async (t) => {
  const url = `file://${await folder(t)}`
  const faults = new Faults(3)
  const { work } = await peerWith(t, new Queue(url, faulty((await openQueue(url)), faults, { isQuiet: true })))
  work.serve('steady', (n: number) => {
    faults.isAway = n === 1
    return n
  }, { durable: true })
  const token = await work.enqueue('steady', 1)
  await until(() => faults.refused > 2)
  await t.rejects(work.enqueue('steady', 2), { code: 'ERR_QUEUE' })
  faults.isAway = false
  t.equal(await work.outcome(token), 1)
})

t.test('whatever a handler throws, its job does not stay held', async (t) => {
  const { work } = await peerWith(t, await openQueue(`file://${await folder(t)}`))
  const thrown: [string, unknown, ErrorCode][] = [
    ['a getter', Object.defineProperty(new Error('a'), 'code', { get: () => 1n / 0n }), 'ERR_HANDLER'],
    ['a message', Object.defineProperty(new Error('a'), 'message', { get: () => 1n / 0n }), 'ERR_HANDLER'],
    ['a symbol', Object.defineProperty(denied(''), 'message', { value: Symbol('s') }), 'ERR_DENIED'],
    ['much', denied('x'.repeat(2_000_000)), 'ERR_DENIED'],
    ['a code', Object.assign(new Error('a'), { code: 'x'.repeat(2_000_000) }), 'ERR_HANDLER'],
    ['a proxy', new Proxy({}, { getPrototypeOf: () => { throw new Error('no') } }), 'ERR_HANDLER'],
  ]
  for (const [what, error, code] of thrown) {
    work.serve(what, () => { throw error }, { durable: true })
    const token = await work.enqueue(what, '', { attempts: 1 })
    await t.rejects(work.outcome(token), { code }, what)
    await t.rejects(work.request(what, ''), { code }, `${what}, called`)
  }
  t.ok((await work.queues()).every(({ running, dead }) => running === 0 && dead === 1))
})

t.test('a job whose outcome the engine does not take, which is well otherwise, is given up', async (t) => {
  const queue = await openQueue(`file://${await folder(t)}`)
  const finish = async (): Promise<void> => { throw new RangeError('not that') }
  const { work } = await peerWith(t, new Queue('picky', { ...faulty(queue, new Faults(1), { isQuiet: true }), finish }))
  work.serve('odd', () => 1, { durable: true })
  await t.rejects(work.outcome(await work.enqueue('odd')), { code: 'ERR_HANDLER', message: /cannot be stored/ })
})

t.test('whoever waits for an outcome is told when its dispatcher stops, or the queue is closed', async (t) => {
  const queue = await openQueue(`file://${await folder(t)}`)
  const { peer, work } = await peerWith(t, queue)
  const token = await work.enqueue('nobody')
  const other = new Dispatcher(peer)
  const [own, others] = [work.outcome(token), other.outcome(token)]
  const stopped = t.rejects(others, { code: 'ERR_STOPPED' })
  await other.stop()
  await stopped
  t.equal(await Promise.race([own.catch(() => 'told'), work.peek(token)]), undefined, 'but nobody else')
  await Promise.all([t.rejects(own, { code: 'ERR_STOPPED' }), work.stop()])
  const again = new Dispatcher(peer, { queue })
  await Promise.all([t.rejects(again.outcome(token), { code: 'ERR_QUEUE', message: /closed/ }), queue.close()])
  await again.stop()
  const late = new Dispatcher(peer, { queue })
  await t.rejects(late.outcome(token), { code: 'ERR_QUEUE' })
  await late.stop()
})

/** A peer on virtual time, with an engine that is worked by hand. */
async function crewWith(): Promise<{ crew: Crew, engine: ManualEngine, work: Dispatcher }> {
  const engine = new ManualEngine()
  const crew = await Crew.of(2)
  const work = new Dispatcher(crew.peer(0), { queue: new Queue('manual', engine) })
  return { crew, engine, work }
}

t.test('when the engine is over for good nothing is persisted any more, and others may begin the jobs', async (t) => {
  const { crew, engine, work } = await crewWith()
  const reasons: unknown[] = []
  work.serve('held', (_: unknown, call) => new Promise((resolve) => {
    call.signal.addEventListener('abort', () => {
      reasons.push((call.signal.reason as Error).message)
      resolve(1)
    })
  }), { durable: true, concurrency: 1 })
  const [token, next] = [await work.enqueue('held'), await work.enqueue('held')]
  const waits = crew.watch(work.outcome(token))
  await crew.sim.run(2_000)
  const isHeld = (which: string) => crew.value(crew.work(1).request<boolean>(holdersName, which))
  t.strictSame([await isHeld(token), await isHeld(next)], [true, true])
  engine.end(new TelepathineError('ERR_QUEUE', 'the disk is broken'))
  t.match((await crew.settles(waits)).error, { code: 'ERR_QUEUE', message: 'the disk is broken' })
  t.strictSame([await isHeld(token), await isHeld(next)], [false, false])
  t.strictSame(reasons, ['the disk is broken'], 'the one that ran is told')
})

t.test('what is persisted ends when the engine is over', async (t) => {
  const { crew, engine, work } = await crewWith()
  let tries = 0
  engine.finish = async () => {
    tries++
    throw new TelepathineError('ERR_QUEUE', 'it is away')
  }
  work.serve('done', () => 1, { durable: true })
  await work.enqueue('done')
  await crew.sim.run(1_000)
  t.ok(tries > 1, `${tries} tries`)
  engine.end(new TelepathineError('ERR_QUEUE', 'the disk is broken'))
  await crew.sim.run(0)
  const before = tries
  await crew.sim.run(60_000)
  t.equal(tries, before)
})

t.test('an engine that answers no more does not keep serving from its end beyond the grace', async (t) => {
  const { crew, engine, work } = await crewWith()
  const withdraw = work.serve('mute', () => new Promise(() => undefined), { durable: true, concurrency: 1 })
  work.serve('stop', () => new Promise(() => undefined), { durable: true })
  for (const name of ['mute', 'mute', 'stop']) await work.enqueue(name)
  await crew.sim.run(10)
  engine.isMute = true
  const withdrawn = await crew.settles(withdraw({ grace: 100 }), 5_200)
  t.ok(withdrawn.tookMs >= 100, `${withdrawn.tookMs} ms`)
  await crew.settles(work.stop({ grace: 0 }), 5_100)
})

t.test('what was to be served from an engine that is away is withdrawn at once', async (t) => {
  const { crew, engine, work } = await crewWith()
  let isAway = true
  let takes = 0
  const { join } = engine
  engine.join = async () => {
    if (isAway) throw new TelepathineError('ERR_QUEUE', 'it is away')
    takes++
    return join.call(engine)
  }
  const withdraw = work.serve('away', () => 1, { durable: true })
  await crew.sim.run(10_000)
  await crew.settles(withdraw({ grace: 0 }), 10)
  isAway = false
  await crew.sim.run(20_000)
  t.equal(takes, 0, 'and not taken from when it is back')
})

t.test('a job whose time is over when its turn comes is not begun', async (t) => {
  const { crew, work } = await crewWith()
  const begun: unknown[] = []
  work.serve('slot', async (what: unknown) => {
    begun.push(what)
    if (what === 'first') await crew.sleep(0, 1_000)
  }, { durable: true, concurrency: 1 })
  await work.enqueue('slot', 'first')
  const token = await work.enqueue('slot', 'late', { expiresAt: crew.sim.now() + 300 })
  const next = await work.enqueue('slot', 'next')
  t.match(await crew.error(work.outcome(token)), { code: 'ERR_TIMEOUT' })
  await crew.value(work.outcome(next))
  t.strictSame(begun, ['first', 'next'])
})

t.test('an input that no job refers to is dropped, one that a job may refer to is kept', async (t) => {
  const { crew, engine, work } = await crewWith()
  const large = 'x'.repeat(300_000)
  await work.enqueue('none', large, { key: 'k' })
  const [first] = engine.blobs.keys()
  for (let i = 0; i < 3; i++) await work.enqueue('none', large, { key: 'k' })
  await crew.sim.run(1)
  t.strictSame([...engine.blobs.keys()], [first], 'that of a job that was known already')
  const { add } = engine
  engine.add = async (job) => {
    await add.call(engine, job)
    throw new TelepathineError('ERR_QUEUE', 'nobody knows')
  }
  await t.rejects(work.enqueue('none', large), { code: 'ERR_QUEUE' })
  engine.add = add
  await crew.sim.run(1)
  t.equal(engine.blobs.size, 2, 'it may be stored')
  const withdraw = work.serve('none', () => { throw new Error('no') }, { durable: true })
  const dead = await work.enqueue('none', large, { attempts: 1 })
  await crew.error(work.outcome(dead))
  t.equal(engine.blobs.size, 3, 'that of a dead letter is kept')
  t.equal(await work.discard(dead), true)
  await crew.sim.run(1)
  t.equal(engine.blobs.size, 2, 'until it is discarded')
  t.equal(await work.discard(dead), false)
  await crew.settles(withdraw({ grace: 0 }))
})

t.test('a queue that is being let go of is not joined', async (t) => {
  const { crew, work } = await crewWith()
  const other = new Dispatcher(crew.peer(0))
  work.serve('slow', () => crew.sleep(0, 400), { durable: true })
  await work.enqueue('slow')
  await crew.sim.run(10)
  const stopping = work.stop()
  const busy = { code: 'ERR_BUSY', message: /letting go of its queue: wait for the stop\(\)/ }
  t.throws(() => new Dispatcher(crew.peer(0), { queue: new Queue('manual', new ManualEngine()) }), busy)
  t.throws(() => other.serve('second', () => 1, { durable: true }), busy)
  await crew.settles(stopping)
  const queue = new Queue('another', new ManualEngine())
  const next = new Dispatcher(crew.peer(0), { queue })
  next.serve('second', () => 'ok', { durable: true })
  t.equal(await crew.value(next.outcome(await next.enqueue('second'))), 'ok')
})

t.test('what makes no sense is refused at once', async (t) => {
  const { peer, work } = await peerWith(t, await openQueue(`file://${await folder(t)}`))
  const bad: [object, RegExp][] = [
    [{ attempts: 0 }, /attempts: 0 given, allowed: a whole number in 1\.\.1000/],
    [{ delay: -1 }, /delay/], [{ backoff: 'x' }, /backoff/], [{ priority: 11 }, /priority: 11 given.*0\.\.10/],
    [{ expiresAt: NaN }, /expiresAt/], [{ key: '' }, /key/], [{ timeout: 1 }, /unknown option timeout/],
  ]
  for (const [options, message] of bad) {
    await t.rejects(work.enqueue('x', 1, options), { code: 'ERR_OPTION', message }, JSON.stringify(options))
  }
  await t.rejects(work.enqueue('', 1), { code: 'ERR_KEY' })
  await t.rejects(work.enqueue('x', () => 1), { code: 'ERR_VALUE' })
  await t.rejects(work.outcome('short'), { code: 'ERR_OPTION', message: /token/ })
  await t.rejects(work.outcome('x'.repeat(24), { signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' })
  await t.rejects(work.dead('x', { limit: 0 }), { code: 'ERR_OPTION' })
  t.equal(await work.peek('x'.repeat(24)), undefined)
  const other = new Dispatcher(peer)
  t.ok(other.hasQueue, 'the queue is that of the peer')
  await other.stop()
  t.throws(() => new Dispatcher(peer, { queue: {} as Queue }), { code: 'ERR_OPTION', message: /openQueue/ })
  await using another = await openQueue(`file://${await folder(t)}`)
  t.throws(() => new Dispatcher(peer, { queue: another }), { code: 'ERR_BUSY' })
})

t.test('without a queue there is a word on how to get one', async (t) => {
  const peer = await new Telepathine(0).start().ready()
  const work = new Dispatcher(peer)
  t.teardown(() => peer.stop())
  await t.rejects(work.enqueue('x', 1), { code: 'ERR_OPTION', message: /new Dispatcher\(peer, \{ queue: / })
  t.throws(() => work.serve('x', () => 1, { durable: true }), { code: 'ERR_OPTION' })
  t.equal(work.hasQueue, false)
})

t.test('a peer that stops and starts takes jobs again', async (t) => {
  const queue = await openQueue(`file://${await folder(t)}`)
  const { peer, work } = await peerWith(t, queue)
  const attempts: number[] = []
  work.serve('life', (_: unknown, call) => {
    attempts.push(call.attempt)
    if (attempts.length > 1) return 'second life'
    return new Promise((resolve) => call.signal.addEventListener('abort', resolve))
  }, { durable: true })
  const token = await work.enqueue('life', '')
  await until(() => attempts.length === 1)
  await peer.stop()
  await t.rejects(work.enqueue('life', ''), { code: 'ERR_STOPPED' })
  await peer.start().ready()
  t.equal(await work.outcome(token), 'second life')
  t.strictSame(attempts, [1, 2])
  await t.rejects(work.enqueue('life', new TelepathineError('ERR_KEY', 'x'), { priority: 1.5 }), { code: 'ERR_OPTION' })
})
