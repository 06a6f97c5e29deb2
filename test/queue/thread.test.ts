import { EventEmitter } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import type { Delivery } from '../../lib/queue/engine.js'
import { type Request, ThreadEngine, type Told } from '../../lib/queue/thread.js'

/** A thread that does nothing by itself: what it is asked for is looked at, and what it tells is told by hand. */
class Thread extends EventEmitter {
  readonly asked: Request[] = []
  isHeldOpen = false

  static engine(): { thread: Thread; engine: ThreadEngine } {
    const thread = new Thread()
    const engine = new ThreadEngine(thread as unknown as Worker)
    thread.tell({ kind: 'open', priorityMax: 0 })
    return { thread, engine }
  }

  postMessage(requests: readonly Request[]): void {
    this.asked.push(...requests)
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

  /** What it was asked for until now, which is over then. */
  async take(): Promise<Request[]> {
    // what is said in one turn is sent at its end
    await new Promise((resolve) => setImmediate(resolve))
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
