import { EventEmitter, once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import type { Delivery } from '../../lib/queue/engine.js'
import { type Request, ThreadEngine, type Told } from '../../lib/queue/thread.js'

/** A thread that does nothing by itself: what it is asked for is looked at, and what it tells is told by hand. */
class Thread extends EventEmitter {
  readonly asked: Request[] = []
  isHeldOpen = false

  /** One whose threads are replaced, with what gives the next one that is started. */
  static async replaced(t: Test): Promise<{ engine: ThreadEngine; first: Thread; next: () => Promise<Thread> }> {
    // as a peer would: a thread that is to be replaced holds no process open
    const peer = setInterval(() => undefined, 1_000)
    t.teardown(() => clearInterval(peer))
    const starts = new EventEmitter()
    const first = new Thread()
    const threads = [first]
    const engine = new ThreadEngine(() => {
      const thread = threads.shift() ?? new Thread()
      starts.emit('start', thread)
      return thread as unknown as Worker
    })
    first.tell({ kind: 'open', priorityMax: 0 })
    await engine.opened
    return { engine, first, next: async () => (await once(starts, 'start') as [Thread])[0] }
  }

  static engine(): { thread: Thread; engine: ThreadEngine } {
    const thread = new Thread()
    const engine = new ThreadEngine(() => thread as unknown as Worker)
    thread.tell({ kind: 'open', priorityMax: 0 })
    return { thread, engine }
  }

  postMessage(requests: readonly Request[]): void {
    this.asked.push(...requests)
    this.emit('asked')
  }

  ref(): void {
    this.isHeldOpen = true
  }

  unref(): void {
    this.isHeldOpen = false
  }

  async terminate(): Promise<void> {
    this.emit('exit', 1)
  }

  tell(...all: readonly Told[]): void {
    this.emit('message', all)
  }

  /** What it was asked for until now, which is over then; what it is asked for next if there is nothing. */
  async take(): Promise<Request[]> {
    // what is said in one turn is sent at its end
    await new Promise((resolve) => setImmediate(resolve))
    if (this.asked.length === 0) await once(this, 'asked')
    return this.asked.splice(0)
  }

  /** The only thing that it was asked for. */
  async one(method: string): Promise<Request> {
    const [request, ...others] = await this.take()
    if (request?.method !== method || others.length > 0) throw new Error(`asked for ${request?.method}, not ${method}`)
    return request
  }

  done({ serial }: Request, result?: unknown): void {
    this.tell({ kind: 'done', serial, result })
  }

  failed({ serial }: Request, code: string): void {
    this.tell({ kind: 'failed', serial, error: { code, message: 'the engine failed' } })
  }
}

const delivery = (id: number): Delivery =>
  ({ id, token: 'x', service: 's', bytes: new Uint8Array(1), attempt: 1, isDoubtful: false })

t.test('a job that arrives when its taker was stopped is put back, and is no attempt', async (t) => {
  const { thread, engine } = Thread.engine()
  const taken: number[] = []
  const taking = engine.take('s', 5, ({ id }) => taken.push(id))
  const take = await thread.one('take')
  thread.done(take)
  const taker = await taking
  thread.tell({ kind: 'deliver', taker: take.serial, delivery: delivery(1) })
  const stopping = taker.stop()
  thread.tell({ kind: 'deliver', taker: take.serial, delivery: delivery(2) })
  thread.done(await thread.one('stopTaking'))
  await stopping
  t.strictSame(taken, [1, 2], 'until then it is taken')
  thread.tell({ kind: 'deliver', taker: take.serial, delivery: delivery(3) })
  t.strictSame((await thread.one('putBack')).given, [3, 0, false])
  t.strictSame(taken, [1, 2])
})

t.test('so is one for a taker that could not be had', async (t) => {
  const { thread, engine } = Thread.engine()
  const taking = engine.take('s', 5, () => t.fail('it was not taken'))
  const take = await thread.one('take')
  thread.failed(take, 'ERR_QUEUE')
  await t.rejects(taking, { code: 'ERR_QUEUE', message: 'the engine failed' })
  thread.tell({ kind: 'deliver', taker: take.serial, delivery: delivery(1) })
  const back = await thread.one('putBack')
  // if that fails, too, it is the engine's to give back
  thread.failed(back, 'ERR_QUEUE')
})

t.test('whoever watches is told until the end of that, and not if it could not be had', async (t) => {
  const { thread, engine } = Thread.engine()
  const seen: (Uint8Array | undefined)[] = []
  const watching = engine.watch('x', (outcome) => seen.push(outcome))
  const watch = await thread.one('watch')
  const look = (outcome?: Uint8Array): void => thread.tell({ kind: 'look', watch: watch.serial, outcome })
  look(Uint8Array.of(1))
  thread.done(watch)
  const end = await watching
  look()
  end()
  look(Uint8Array.of(2))
  t.strictSame(seen, [Uint8Array.of(1), undefined])
  t.strictSame((await thread.one('stopWatching')).given, [watch.serial])
  const refused = engine.watch('y', () => t.fail('nobody watches'))
  const request = await thread.one('watch')
  thread.failed(request, 'ERR_QUEUE')
  await t.rejects(refused, { code: 'ERR_QUEUE' })
  thread.tell({ kind: 'look', watch: request.serial, outcome: undefined })
})

t.test('the process stays as long as something is asked for, and no longer', async (t) => {
  const { thread, engine } = Thread.engine()
  t.equal(thread.isHeldOpen, false)
  const [first, second] = [engine.outcome('a'), engine.revive('b')]
  t.equal(thread.isHeldOpen, true)
  const [one, two] = await thread.take() as [Request, Request]
  thread.done(two, true)
  t.equal(thread.isHeldOpen, true)
  thread.done(one, Uint8Array.of(1))
  t.equal(thread.isHeldOpen, false)
  t.strictSame(await Promise.all([first, second]), [Uint8Array.of(1), true])
})

t.test('when the thread ends all that was asked for is rejected, and what is asked for after that', async (t) => {
  const { thread, engine } = Thread.engine()
  const asked = engine.depths()
  thread.emit('error', new Error('out of memory'))
  const why = { code: 'ERR_QUEUE', message: /thread failed: out of memory/ }
  await t.rejects(asked, why)
  await t.rejects(engine.depths(), why)
  await engine.close()
})

t.test('another thread takes the place of one that failed, and goes on with what went on', async (t) => {
  const { engine, first, next } = await Thread.replaced(t)
  const [taken, seen]: [Delivery[], unknown[]] = [[], []]
  const all = [
    engine.join('peer'), engine.take('s', 5, (delivery) => taken.push(delivery)),
    engine.watch('x', (outcome) => seen.push(outcome)), engine.take('over', 1, () => t.fail('it was stopped')),
  ] as const
  const asked = await first.take()
  for (const request of asked) first.done(request)
  const [, , , over] = await Promise.all(all)
  const stopping = over.stop()
  first.done(await first.one('stopTaking'))
  await stopping
  first.tell({ kind: 'deliver', taker: asked[1]?.serial ?? 0, delivery: delivery(1) })
  const replaced = next()
  first.emit('error', new Error('out of memory'))
  first.emit('exit', 1)
  const down = { code: 'ERR_QUEUE', message: /thread failed: out of memory/ }
  await t.rejects(engine.depths(), down, 'at once, until there is another')
  // the first try to open it again fails
  const failing = await replaced
  const again = next()
  failing.tell({ kind: 'failed', serial: 0, error: { code: 'ERR_QUEUE', message: 'no server' } })
  const second = await again
  await t.rejects(engine.depths(), down)
  second.tell({ kind: 'open', priorityMax: 0 })
  const [join, take, watch, ...others] = await second.take() as [Request, Request, Request]
  t.strictSame([join.method, join.given], ['join', ['peer']])
  second.done(join)
  t.strictSame([take.method, take.given, watch.method, watch.given, others], ['take', ['s', 5], 'watch', ['x'], []])
  second.done(take)
  second.done(watch)
  first.tell({ kind: 'deliver', taker: take.serial, delivery: delivery(9) })
  second.tell({ kind: 'deliver', taker: take.serial, delivery: delivery(1) })
  second.tell({ kind: 'look', watch: watch.serial, outcome: Uint8Array.of(1) })
  t.strictSame([taken.map(({ id }) => id), seen], [[1, 1], [Uint8Array.of(1)]])
  const [old, young] = taken as [Delivery, Delivery]
  // what came of the job that the first one held cannot be told any more
  for (const act of ['finish', 'bury'] as const) {
    await t.rejects(engine[act](old, Uint8Array.of(1)), { code: 'ERR_PEER_LOST', message: /held x failed/ })
  }
  t.equal(await engine.isCurrent(old), false)
  await engine.putBack(old, 0, true)
  const finishing = engine.finish(young, Uint8Array.of(1))
  second.done(await second.one('finish'))
  await finishing
})

t.test('what went on is asked for again until it is had, unless it is ended', async (t) => {
  const { engine, first, next } = await Thread.replaced(t)
  const taking = engine.take('s', 5, () => undefined)
  first.done(await first.one('take'))
  const taker = await taking
  const replaced = next()
  first.emit('exit', 1)
  const second = await replaced
  second.tell({ kind: 'open', priorityMax: 0 })
  second.failed(await second.one('take'), 'ERR_QUEUE')
  const take = await second.one('take')
  const stopping = taker.stop()
  second.done(await second.one('stopTaking'))
  await stopping
  second.done(take)
  t.strictSame((await second.one('stopTaking')).given, [take.serial], 'once more: it could not be stopped before')
})

t.test('a queue that is closed says so, and its thread is not replaced', async (t) => {
  let started = 0
  const thread = new Thread()
  const engine = new ThreadEngine(() => {
    started++
    return thread as unknown as Worker
  })
  thread.tell({ kind: 'open', priorityMax: 0 })
  const asked = engine.depths()
  const closing = engine.close()
  const [, close] = await thread.take() as [Request, Request]
  thread.done(close)
  await closing
  const why = { code: 'ERR_QUEUE', message: /was closed/ }
  await t.rejects(asked, why)
  await t.rejects(engine.depths(), why)
  await t.rejects(engine.finish(delivery(1), Uint8Array.of(1)), why)
  await engine.close()
  t.equal(started, 1)
})
