import t from 'tap'
import { Telepathine, TelepathineError } from '../../lib/index.js'
import { CallError, Dispatcher, RemoteError, type Call, type WorkerInfo } from '../../lib/work/index.js'
import { Crew } from './fixtures/crew.js'

t.test('a function served on one peer is called from any other, and from the same', async (t) => {
  const crew = await Crew.of(3)
  crew.work(1).serve('wordcount', (text: string) => text.split(' ').length, { tags: ['a'], version: '2' })
  await crew.sim.run(100)
  for (const caller of [0, 1, 2]) t.equal(await crew.value(crew.work(caller).request('wordcount', 'to be or not')), 4)
  t.strictSame(crew.work(0).workers('wordcount'), [{ peer: crew.name(1), load: 0, tags: ['a'], version: '2' }])
  t.strictSame(crew.work(0).workers('other'), [])
})

t.test('whoever is told of a peer can call it already', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('a', () => 'a')
  await crew.sim.run(100)
  const newcomer = crew.sim.add()
  const work = new Dispatcher(newcomer)
  const outcomes: unknown[] = []
  newcomer.on('peer:start', (peer: string) => {
    if (peer !== crew.name(1)) return
    work.request('a').then((value) => outcomes.push(value), (error) => outcomes.push(error))
  })
  await crew.sim.run(1_000)
  t.strictSame(outcomes, ['a'])
})

t.test('what is advertised is not among the keys of a peer', async (t) => {
  const crew = await Crew.of(2)
  const noticed: unknown[] = []
  crew.peer(0).know('**', (_peer, _value, key) => void noticed.push(key))
  crew.peer(0).onAny((name) => void noticed.push(name))
  const withdraw = crew.work(1).serve('a', () => 1)
  crew.work(1).status = () => 5
  await crew.sim.run(2_000)
  t.strictSame(crew.work(0).workers('a'), [{ peer: crew.name(1), load: 5, tags: [], version: undefined }])
  t.strictSame(crew.peer(1).keys(), [])
  t.strictSame([...crew.peer(0).entries(crew.name(1))], [])
  await crew.value(withdraw())
  await crew.sim.run(100)
  t.strictSame(crew.work(0).workers('a'), [])
  t.strictSame(noticed, [])
})

t.test('keys that begin as those of the system do are like any other', async (t) => {
  const crew = await Crew.of(2)
  const heard: unknown[] = []
  crew.peer(0).on('set', (_, key) => void heard.push(key))
  crew.peer(0).on('delete', (_, key) => void heard.push(`no ${key}`))
  crew.work(1).serve('a', () => 1)
  const keys = ['\0', '\0\0', '\0wsa', '\0wl', 'wl']
  for (const key of keys) crew.peer(1).set(key, key)
  await crew.sim.run(100)
  t.strictSame(heard, keys)
  t.strictSame(crew.peer(0).getRemoteKeys(crew.name(1)), keys)
  for (const key of keys) t.equal(crew.peer(0).getRemote(crew.name(1), key), key)
  t.equal(crew.peer(1).delete('\0wsa'), true)
  await crew.sim.run(100)
  t.equal(heard.at(-1), 'no \0wsa')
  t.equal(crew.work(0).workers('a').length, 1)
  crew.peer(0).believe('**')
  await crew.sim.run(100)
  t.strictSame(crew.peer(0).keys(), keys.filter((key) => key !== '\0wsa'))
})

t.test('nobody serves it: an error at once, not a timeout', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('a', () => 1, { tags: ['x'] })
  await crew.sim.run(100)
  const work = crew.work(0)
  const calls = [
    () => work.request('b'),
    () => work.request('a', 0, { target: '10.9.9.9:9000' }),
    () => work.request('a', 0, { tags: ['y'] }),
    () => work.request('a', 0, { tags: { all: ['x', 'y'] } }),
    () => work.request('a', 0, { select: () => undefined }),
    () => work.push('b'),
    () => work.push('b', 1, { select: 'all' }),
    () => work.gather('b').result(),
    () => work.gather('b').next(),
    () => work.stream('b').next(),
  ]
  for (const call of calls) {
    const { error, tookMs } = await crew.settles<unknown>(call())
    t.equal(error?.code, 'ERR_NO_WORKER')
    t.ok(tookMs <= 1)
  }
  const nothing = await crew.value(crew.work(0).gather('b', 0, { allowEmpty: true }).result())
  t.strictSame([nothing.results.size, nothing.complete], [0, true])
})

t.test('an error crosses with name, message, code, data and peer, and without its stack unless asked', async (t) => {
  const crew = await Crew.of(3, { stacks: false })
  const thrown = Object.assign(new RangeError('no such day'), { code: 'E_DAY', data: { day: 32 } })
  for (const index of [1, 2]) crew.work(index).serve(`fails ${index}`, () => { throw thrown })
  crew.work(1).serve('rejects', async () => { throw 'just a text' })
  crew.work(1).serve('unfit', () => () => 1)
  await crew.sim.run(100)
  const error = await crew.error(crew.work(0).request('fails 1'))
  t.ok(error instanceof CallError && error instanceof TelepathineError)
  t.match(error, { code: 'ERR_HANDLER', message: 'no such day', peer: crew.name(1), maybeExecuted: true })
  t.match(error.cause, { name: 'RangeError', message: 'no such day', code: 'E_DAY', data: { day: 32 } })
  t.ok(error.cause instanceof RemoteError && error.cause.peer === crew.name(1))
  t.strictSame(error.data, { day: 32 })
  t.notMatch((error.cause as Error).stack, 'dispatcher.test')
  t.match((await crew.error(crew.work(0).request('rejects'))).cause, { name: 'Error', message: 'just a text' })
  t.match((await crew.error(crew.work(0).request('unfit'))).cause, { code: 'ERR_VALUE' })
  const chatty = await Crew.of(2, { stacks: true })
  chatty.work(1).serve('fails', () => { throw thrown })
  await chatty.sim.run(100)
  t.match(((await chatty.error(chatty.work(0).request('fails'))).cause as Error).stack, 'dispatcher.test')
})

t.test('a deadline: the caller fails, the handler is told, and nested calls have no more than is left', async (t) => {
  const crew = await Crew.of(3)
  const seen: unknown[] = []
  crew.work(1).serve('outer', async (_: unknown, call: Call) => {
    seen.push((call.deadline ?? 0) - crew.sim.now())
    await crew.sleep(1, 40)
    call.signal.addEventListener('abort', () => seen.push((call.signal.reason as TelepathineError).code))
    return crew.work(1).request('inner', 0, { timeout: 1_000 })
  })
  crew.work(2).serve('inner', async (_: unknown, call: Call) => {
    seen.push((call.deadline ?? 0) - crew.sim.now())
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve))
    seen.push('inner aborted')
  })
  await crew.sim.run(100)
  const { error, tookMs } = await crew.settles(crew.work(0).request('outer', 0, { timeout: 100 }))
  t.match(error, { code: 'ERR_TIMEOUT', peer: crew.name(1), maybeExecuted: true })
  t.ok(tookMs >= 99 && tookMs <= 102, String(tookMs))
  await crew.sim.run(20)
  const [outerLeft, innerLeft] = seen as [number, number]
  t.ok(outerLeft > 97 && outerLeft <= 101, String(outerLeft))
  t.ok(innerLeft > 50 && innerLeft <= 61, String(innerLeft))
  t.ok(seen.includes('inner aborted'))
  t.ok(seen.includes('ERR_TIMEOUT') || seen.includes('ERR_ABORTED'))
})

t.test('timeout 0 and Infinity: never; without one 30 seconds', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('slow', async () => { await crew.sleep(1, 40_000) })
  await crew.sim.run(100)
  const settled: string[] = []
  const record = (name: string, call: Promise<unknown>): void => {
    call.then(() => settled.push(`${name} done`), (error: CallError) => settled.push(`${name} ${error.code}`))
  }
  record('0', crew.work(0).request('slow', 0, { timeout: 0 }))
  record('Infinity', crew.work(0).request('slow', 0, { timeout: Infinity }))
  record('default', crew.work(0).request('slow'))
  await crew.sim.run(29_990)
  t.strictSame(settled, [])
  await crew.sim.run(20)
  t.strictSame(settled, ['default ERR_TIMEOUT'])
  await crew.sim.run(11_000)
  t.strictSame(settled.slice(1).sort(), ['0 done', 'Infinity done'])
})

t.test('an abort fails the call at once and reaches the handler; aborted before, it is not sent', async (t) => {
  const crew = await Crew.of(2)
  const seen: string[] = []
  crew.work(1).serve('wait', async (_: unknown, call: Call) => {
    seen.push('began')
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve))
    seen.push((call.signal.reason as TelepathineError).code)
  })
  await crew.sim.run(100)
  const controller = new AbortController()
  const call = crew.work(0).request('wait', 0, { signal: controller.signal })
  await crew.sim.run(10)
  controller.abort(new Error('changed my mind'))
  const { error, tookMs } = await crew.settles(call)
  t.match(error, { code: 'ERR_ABORTED', name: 'AbortError', cause: { message: 'changed my mind' } })
  t.ok(tookMs <= 1)
  await crew.sim.run(10)
  t.strictSame(seen, ['began', 'ERR_ABORTED'])
  t.match(await crew.error(crew.work(0).request('wait', 0, { signal: controller.signal })), { code: 'ERR_ABORTED' })
  await crew.sim.run(10)
  t.equal(seen.length, 2)
})

t.test('a queued call that is cancelled does not run', async (t) => {
  const crew = await Crew.of(2)
  const ran: number[] = []
  crew.work(1).serve('one', async (n: number) => {
    ran.push(n)
    await crew.sleep(1, 50)
  }, { concurrency: 1 })
  await crew.sim.run(100)
  const controller = new AbortController()
  const first = crew.work(0).request('one', 1)
  const second = crew.work(0).request('one', 2, { signal: controller.signal })
  const third = crew.work(0).request('one', 3)
  const fourth = crew.work(0).request('one', 4, { timeout: 20 })
  await crew.sim.run(10)
  controller.abort()
  t.match(await crew.error(second), { code: 'ERR_ABORTED' })
  t.match(await crew.error(fourth), { code: 'ERR_TIMEOUT' })
  await crew.value(Promise.all([first, third]))
  t.strictSame(ran, [1, 3])
})

t.test('full: refused with ERR_BUSY and when to try again, after others were asked', async (t) => {
  const crew = await Crew.of(3)
  crew.work(1).serve('one', async () => { await crew.sleep(1, 100) }, { concurrency: 1, queue: 0 })
  await crew.sim.run(100)
  const running = crew.work(0).request('one')
  await crew.sim.run(5)
  const error = await crew.error(crew.work(0).request('one'))
  t.match(error, { code: 'ERR_BUSY', peer: crew.name(1), maybeExecuted: false })
  t.ok(Number(error.retryAfterMs) >= 1)
  crew.work(2).serve('one', () => 'elsewhere')
  await crew.sim.run(5)
  for (let i = 0; i < 5; i++) {
    const select = (all: readonly WorkerInfo[]): WorkerInfo[] => all.toSorted((a, b) => (a.peer < b.peer ? -1 : 1))
    t.equal(await crew.value(crew.work(0).request('one', 0, { select })), 'elsewhere', 'bounced')
  }
  t.ok(crew.work(0).stats.bounced >= 5)
  await crew.value(running)
})

t.test('callers are bounded, too', async (t) => {
  const crew = await Crew.of(2, { maxPending: 10 })
  crew.work(1).serve('wait', async () => { await crew.sleep(1, 100) })
  await crew.sim.run(100)
  const calls = Array.from({ length: 11 }, () => crew.work(0).request('wait'))
  t.match(await crew.error(calls[10] as Promise<unknown>), { code: 'ERR_OVERLOAD' })
  await crew.value(Promise.all(calls.slice(0, 10)))
  await crew.value(crew.work(0).request('wait'))
})

t.test('a crashed worker: calls fail at once, or go elsewhere when that does no harm', async (t) => {
  const crew = await Crew.of(3)
  const attempts: unknown[] = []
  for (const index of [1, 2]) {
    crew.work(index).serve('work', async (_: unknown, call: Call) => {
      attempts.push([index, call.attempt])
      await crew.sleep(index, 50)
      return index
    })
  }
  await crew.sim.run(100)
  const target = { select: (all: readonly WorkerInfo[]) => all.toSorted((a, b) => (a.peer < b.peer ? -1 : 1)) }
  const plain = crew.watch(crew.work(0).request('work', 0, target))
  const idempotent = crew.work(0).request('work', 0, { ...target, idempotent: true })
  await crew.sim.run(10)
  crew.sim.crash(1)
  const { error } = await crew.settles(plain)
  t.match(error, { code: 'ERR_PEER_LOST', peer: crew.name(1), maybeExecuted: true })
  t.equal(await crew.value(idempotent), 2)
  t.strictSame(attempts, [[1, 1], [1, 1], [2, 2]])
})

t.test('a host that falls silent: its calls fail once it is held for dead, not after their whole time', async (t) => {
  const crew = await Crew.of(4)
  crew.work(1).serve('work', () => new Promise(() => undefined))
  await crew.sim.run(100)
  const call = crew.work(0).request('work', 0, { timeout: 60_000 })
  await crew.sim.run(10)
  crew.sim.crash(1, { silent: true })
  const { error, tookMs } = await crew.settles(call)
  t.match(error, { code: 'ERR_PEER_LOST', maybeExecuted: true })
  t.ok(tookMs < 10_000, String(tookMs))
})

t.test('what cannot have left is not executed, and goes elsewhere though it is not idempotent', async (t) => {
  const crew = await Crew.of(3, { seed: 5 })
  const ran: number[] = []
  for (const index of [1, 2]) crew.work(index).serve('work', () => void ran.push(index))
  await crew.sim.run(100)
  crew.sim.crash(1)
  // nobody has noticed yet
  const calls = Array.from({ length: 20 }, () => crew.watch(crew.work(0).request('work')))
  for (const call of calls) await crew.settles(call)
  const failed = calls.filter(({ error }) => error !== undefined)
  t.ok(failed.every(({ error }) => error?.code === 'ERR_PEER_LOST'))
  t.equal(ran.length, 20 - failed.length)
})

t.test('a caller that is gone: its calls are cancelled, pushes are finished', async (t) => {
  const crew = await Crew.of(2)
  const seen: string[] = []
  const serve = (name: string, onCallerLost?: 'finish'): void => {
    crew.work(1).serve(name, async (_: unknown, call: Call) => {
      call.signal.addEventListener('abort', () => seen.push(`${name} ${(call.signal.reason as CallError).code}`))
      await crew.sleep(1, 5_000)
      seen.push(`${name} done`)
    }, onCallerLost ? { onCallerLost } : {})
  }
  serve('cancels')
  serve('finishes', 'finish')
  serve('pushed')
  await crew.sim.run(100)
  crew.work(0).request('cancels').catch(() => undefined)
  crew.work(0).request('finishes').catch(() => undefined)
  await crew.value(crew.work(0).push('pushed'))
  crew.sim.crash(0)
  await crew.sim.run(1_000)
  t.strictSame(seen, ['cancels ERR_PEER_LOST'])
  await crew.sim.run(10_000)
  t.strictSame(seen.slice(1).sort(), ['cancels done', 'finishes done', 'pushed done'])
})

t.test('a peer that was started anew takes nothing that was meant for its former life', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('slow', async () => {
    await crew.sleep(1, 300)
    return 'from the first life'
  })
  await crew.sim.run(100)
  crew.work(0).request('slow').catch(() => undefined)
  await crew.sim.run(10)
  const again = crew.sim.restart(0)
  const work = new Dispatcher(again)
  await crew.sim.run(200)
  const outcome = await crew.settles(work.request('slow', 0, { timeout: 10_000 }))
  t.ok(outcome.tookMs >= 295, `${outcome.tookMs} ms: not the answer to the call of before`)
})

t.test('withdrawing: what was taken in is finished, what comes is sent elsewhere', async (t) => {
  const crew = await Crew.of(3)
  const done: number[] = []
  const serve = (index: number) => crew.work(index).serve('job', async (n: number) => {
    await crew.sleep(index, 20)
    done.push(n)
    return index
  }, { concurrency: 2 })
  const withdraw = serve(1)
  serve(2)
  await crew.sim.run(100)
  const outcomes: Promise<number>[] = []
  for (let n = 0; n < 100; n++) {
    outcomes.push(crew.work(0).request<number>('job', n))
    if (n === 50) void withdraw()
    await crew.sim.run(1)
  }
  const answers = await crew.value(Promise.all(outcomes))
  t.equal(done.length, 100)
  t.ok(answers.slice(60).every((index) => index === 2))
  await crew.value(withdraw())
  t.equal(crew.work(1).stats.inflight, 0)
  await crew.value(crew.works[2]?.stop() ?? Promise.resolve())
  t.match(await crew.error(crew.work(0).request('job')), { code: 'ERR_NO_WORKER' })
})

t.test('withdrawing gives up on what takes longer than its grace', async (t) => {
  const crew = await Crew.of(2)
  const withdraw = crew.work(1).serve('stuck', () => new Promise(() => undefined), { concurrency: 1 })
  await crew.sim.run(100)
  const [running, waiting] = [crew.work(0).request('stuck'), crew.work(0).request('stuck')].map((call) =>
    crew.watch(call))
  await crew.sim.run(10)
  const { tookMs } = await crew.settles(withdraw({ grace: 500 }))
  t.ok(tookMs >= 499 && tookMs < 510, String(tookMs))
  t.match(running && (await crew.settles(running)).error, { code: 'ERR_PEER_LOST', maybeExecuted: true })
  t.match(waiting && (await crew.settles(waiting)).error, { code: 'ERR_DRAINING', maybeExecuted: false })
})

t.test('stop settles everything: on a dispatcher, and on its peer', async (t) => {
  const crew = await Crew.of(3)
  crew.work(1).serve('stuck', () => new Promise(() => undefined))
  await crew.sim.run(100)
  const own = crew.watch(crew.work(0).request('stuck', 0, { timeout: 0 }))
  const stream = crew.watch(crew.work(0).stream('stuck').next())
  const wait = crew.watch(crew.work(0).waitFor('nothing', { timeout: 0 }))
  await crew.sim.run(10)
  await crew.value(crew.work(0).stop())
  for (const settled of [own, stream, wait]) t.equal((await crew.settles<unknown>(settled)).error?.code, 'ERR_STOPPED')
  t.equal((await crew.error(crew.work(0).request('stuck'))).code, 'ERR_STOPPED')
  t.throws(() => crew.work(0).serve('x', () => 1), { code: 'ERR_STOPPED' })
  const another = new Dispatcher(crew.peer(0))
  t.equal(another.workers('stuck').length, 1, 'the next one knows what the peer knows')

  const theirs = crew.watch(another.request('stuck', 0, { timeout: 0 }))
  const ours = crew.watch(crew.work(1).request('stuck', 0, { timeout: 0 }))
  await crew.sim.run(10)
  await crew.value(crew.peer(1).stop())
  t.equal((await crew.settles(ours)).error?.code, 'ERR_STOPPED')
  t.equal((await crew.settles(theirs)).error?.code, 'ERR_PEER_LOST')
  t.equal((await crew.error(crew.work(1).request('stuck'))).code, 'ERR_STOPPED')
  crew.peer(1).start()
  await crew.sim.run(2_000)
  t.equal(another.workers('stuck').length, 1, 'what a peer served it serves again when it is started again')
})

t.test('several dispatchers of one peer share it, and stop on their own', async (t) => {
  const crew = await Crew.of(2)
  const second = new Dispatcher(crew.peer(1))
  crew.work(1).serve('a', () => 'a')
  second.serve('b', () => 'b')
  t.throws(() => second.serve('a', () => 1), { code: 'ERR_BUSY' })
  await crew.sim.run(100)
  await crew.value(second.stop())
  await crew.sim.run(100)
  t.equal(await crew.value(crew.work(0).request('a')), 'a')
  t.equal((await crew.error(crew.work(0).request('b'))).code, 'ERR_NO_WORKER')
})

t.test('who has not heard that the last dispatcher of a peer stopped is told so, and goes elsewhere', async (t) => {
  const crew = await Crew.of(2, { latencyMs: [40, 40] })
  crew.work(1).serve('a', () => 1)
  await crew.sim.run(200)
  void crew.work(1).stop()
  await crew.sim.run(1)
  t.equal(crew.work(0).workers('a').length, 1, 'not heard yet')
  const { error, tookMs } = await crew.settles(crew.work(0).request('a'))
  t.match(error, { code: 'ERR_NO_WORKER', maybeExecuted: false })
  t.ok(tookMs < 100, `after ${tookMs} ms`)
  const again = new Dispatcher(crew.peer(1))
  again.serve('a', () => 2)
  await crew.sim.run(200)
  t.equal(await crew.value(crew.work(0).request('a')), 2)
  await crew.value(again.stop())
})

t.test('a status that is an object is told whenever it changed', async (t) => {
  const crew = await Crew.of(2)
  let cpu = 1
  crew.work(1).serve('a', () => 1)
  crew.work(1).status = () => ({ cpu })
  await crew.sim.run(2_000)
  t.strictSame(crew.work(0).workers('a')[0]?.load, { cpu: 1 })
  cpu = 2
  await crew.sim.run(2_000)
  t.strictSame(crew.work(0).workers('a')[0]?.load, { cpu: 2 })
})

t.test('what a handler leaves behind when it is done has a time of its own', async (t) => {
  const crew = await Crew.of(2)
  const [one, two] = [crew.work(0), crew.work(1)]
  const late: unknown[] = []
  two.serve('b', () => 'b')
  one.serve('a', () => {
    crew.peer(0).after(500, () => void two.request('b').then((value) => late.push(value), (error) => late.push(error)))
    return 'a'
  })
  await crew.sim.run(100)
  t.equal(await crew.value(two.request('a', 0, { timeout: 100 })), 'a')
  await crew.sim.run(1_000)
  t.strictSame(late, ['b'])
})

t.test('probe: workers are asked how busy they are, and the least busy gets it', async (t) => {
  const crew = await Crew.of(4)
  const slow = async (_: unknown, call: Call): Promise<string> => {
    await crew.sleep(0, 5_000)
    return call.from
  }
  for (const index of [0, 1]) crew.work(index).serve('a', slow, { concurrency: 1 })
  await crew.sim.run(100)
  const busy = crew.name(0)
  // another caller keeps it busy, so this one cannot know but by asking
  const held = Array.from({ length: 3 }, () => crew.watch(crew.work(2).request('a', 0, { target: busy })))
  await crew.sim.run(5)
  const mine = crew.watch(crew.work(3).request('a', 0, { probe: 2 }))
  await crew.sim.run(10)
  t.equal(crew.work(1).stats.inflight, 1)
  t.equal(crew.work(0).stats.inflight, 3)
  await crew.value(mine)
  await crew.sim.run(20_000)
  t.ok(held.every(({ isSettled }) => isSettled))
})

t.test('probe: with one worker nobody is asked; one that is silent or lost is not waited for', async (t) => {
  const crew = await Crew.of(4)
  crew.work(1).serve('a', () => 1)
  await crew.sim.run(100)
  const alone = await crew.settles(crew.work(0).request('a', 0, { probe: 2 }))
  t.equal(alone.value, 1)
  t.ok(alone.tookMs <= 4)
  for (const index of [2, 3]) crew.work(index).serve('a', () => index)
  await crew.sim.run(100)
  crew.sim.pause(3, 1_000)
  const some = Array.from({ length: 10 }, () => crew.watch(crew.work(0).request('a', 0, { probe: 3 })))
  await crew.sim.run(1_200)
  t.ok(some.every(({ error, tookMs }) => error === undefined && tookMs < 1_100))
  t.equal(crew.work(0).stats.pending, 0)
  const aborted = new AbortController()
  crew.sim.pause(3, 10_000)
  const given = crew.watch(crew.work(0).request('a', 0, { probe: 3, signal: aborted.signal }))
  aborted.abort()
  t.equal((await crew.error(given)).code, 'ERR_ABORTED')
  crew.sim.crash(1)
  crew.sim.crash(2)
  const stopped = crew.watch(crew.work(0).request('a', 0, { probe: 3 }))
  await crew.value(crew.work(0).stop())
  t.equal((await crew.error(stopped)).code, 'ERR_STOPPED')
})

t.test('wait: calls beyond maxPending stand in line instead of failing', async (t) => {
  const crew = await Crew.of(2, { maxPending: 2 })
  const order: unknown[] = []
  crew.work(1).serve('a', async (n: number) => {
    await crew.sleep(1, 100)
    order.push(n)
    return n
  })
  await crew.sim.run(100)
  const work = crew.work(0)
  const calls = [1, 2, 3, 4].map((n) => work.request('a', n, { wait: true }))
  t.equal((await crew.error(work.request('a', 5, { wait: true }))).code, 'ERR_OVERLOAD', 'the line is full')
  t.equal((await crew.error(work.request('a', 6))).code, 'ERR_OVERLOAD')
  t.strictSame(await crew.value(Promise.all(calls)), [1, 2, 3, 4])
  t.strictSame(order, [1, 2, 3, 4])
  const held = [1, 2].map((n) => crew.watch(work.request('a', n)))
  const late = await crew.settles(work.request('a', 3, { wait: true, timeout: 50 }))
  t.equal(late.error?.code, 'ERR_TIMEOUT')
  t.ok(late.tookMs <= 51)
  const abort = new AbortController()
  const given = crew.watch(work.request('a', 4, { wait: true, signal: abort.signal }))
  const pushed = crew.watch(work.push('a', 5, { wait: true }))
  abort.abort()
  t.equal((await crew.error(given)).code, 'ERR_ABORTED')
  for (const each of [...held, pushed]) await crew.settles(each)
  const [, , last] = [1, 2, 3].map((n) => crew.watch(work.request('a', n, { wait: true })))
  await crew.value(work.stop())
  t.equal((await crew.error(last as NonNullable<typeof last>)).code, 'ERR_STOPPED')
})

t.test('serving may begin before the peer does', async (t) => {
  const crew = await Crew.of(1)
  const peer = crew.sim.add()
  new Dispatcher(peer).serve('early', () => 1)
  await crew.value(crew.work(0).waitFor('early'))
  t.equal(await crew.value(crew.work(0).request('early')), 1)
})

t.test('waitFor: until so many serve it, or its time is over', async (t) => {
  const crew = await Crew.of(3)
  const two = crew.watch(crew.work(0).waitFor('x', { count: 2 }))
  t.equal((await crew.error(crew.work(0).waitFor('y', { timeout: 100 }))).code, 'ERR_TIMEOUT')
  crew.work(1).serve('x', () => 1)
  await crew.value(crew.work(0).waitFor('x'))
  crew.work(2).serve('x', () => 1)
  t.equal((await crew.settles(two)).error, undefined)
  t.equal((await crew.error(crew.work(0).waitFor('y', { signal: AbortSignal.abort() }))).code, 'ERR_ABORTED')
})

t.test('a stream: in order, with its end; the last value is what was returned', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('count', async function* (n: number) {
    for (let i = 0; i < n; i++) yield i
    return 'the end'
  })
  crew.work(1).serve('emit', async (n: number, call: Call) => {
    for (let i = 0; i < n; i++) await call.emit({ i })
  })
  crew.work(1).serve('sync', function* () { yield 1; yield 2 })
  crew.work(1).serve('large', async function* () {
    yield Buffer.alloc(200_000, 1)
    yield 'small'
    yield 'x'.repeat(90_000)
  })
  await crew.sim.run(100)
  const all = async (name: string, n: number): Promise<unknown[]> => {
    const values: unknown[] = []
    for await (const value of crew.work(0).stream(name, n)) values.push(value)
    return values
  }
  t.strictSame(await crew.value(all('count', 2_000)), [...Array.from({ length: 2_000 }, (_, i) => i), 'the end'])
  t.strictSame(await crew.value(all('emit', 3)), [{ i: 0 }, { i: 1 }, { i: 2 }])
  t.strictSame(await crew.value(all('sync', 0)), [1, 2])
  const [large, small, text] = await crew.value(all('large', 0)) as [Buffer, string, string]
  t.strictSame([large.length, large[199_999], small, text.length], [200_000, 1, 'small', 90_000])
  t.equal(await crew.value(crew.work(0).request('count', 5)), 'the end', 'without a stream: the last')
  t.strictSame(await crew.value(crew.work(0).request('sync')), 2)
  const callers = Array.from({ length: 20 }, () => all('count', 50))
  for (const values of await crew.value(Promise.all(callers))) t.equal(values.length, 51)
})

t.test('a stream goes no faster than it is read, and leaving it ends the generator', async (t) => {
  const crew = await Crew.of(2)
  let made = 0
  let ended = ''
  crew.work(1).serve('flood', async function* (_: unknown, call: Call) {
    try {
      for (;;) {
        made++
        yield Buffer.alloc(1_000)
      }
    } finally {
      ended = (call.signal.reason as CallError).code
    }
  })
  await crew.sim.run(100)
  const stream = crew.work(0).stream('flood')
  await crew.sim.run(500)
  const madeAtFirst = made
  t.ok(made > 50 && made < 500, String(made))
  for (let i = 0; i < 1_000; i++) await crew.value(stream.next())
  t.ok(made > madeAtFirst + 500 && made < madeAtFirst + 1_500, String(made))
  await crew.value(stream.return())
  t.strictSame(await crew.value(stream.next()), { done: true, value: undefined })
  await crew.sim.run(10)
  t.equal(ended, 'ERR_ABORTED')
})

t.test('a stream that breaks is an error after what had come, never a silent end', async (t) => {
  const crew = await Crew.of(3)
  for (const index of [1, 2]) {
    crew.work(index).serve('ticks', async function* () {
      for (let i = 0; ; i++) {
        yield i
        await crew.sleep(index, 10)
      }
    })
  }
  crew.work(1).serve('breaks', async function* () {
    yield 1
    throw new Error('broken')
  })
  await crew.sim.run(100)
  const broken = crew.work(0).stream('breaks')
  t.strictSame(await crew.value(broken.next()), { done: false, value: 1 })
  t.match(await crew.error(broken.next()), { code: 'ERR_HANDLER', message: 'broken' })
  t.match(await crew.value(broken.next()), { done: true })
  const lost = crew.work(0).stream('ticks', 0, { target: crew.name(1), idempotent: true })
  await crew.sim.run(55)
  crew.sim.crash(1)
  await crew.sim.run(100)
  const seen: unknown[] = []
  const read = async (): Promise<void> => {
    for await (const value of lost) seen.push(value)
  }
  t.match(await crew.error(read()), { code: 'ERR_PEER_LOST', maybeExecuted: true })
  t.ok(seen.length >= 4 && seen.every((value, i) => value === i), 'and it is not begun again once something was told')
})

t.test('gather: outcomes as they come, then all; errors are answers, who is lost is missing', async (t) => {
  const crew = await Crew.of(5)
  crew.work(1).serve('ask', () => 'one')
  crew.work(2).serve('ask', async () => { await crew.sleep(2, 50); return 'two' })
  crew.work(3).serve('ask', () => { throw new Error('three') })
  crew.work(4).serve('ask', () => new Promise(() => undefined))
  await crew.sim.run(100)
  const gathering = crew.work(0).gather('ask', 'x', { ttl: 500 })
  const outcomes: unknown[] = []
  const read = async (): Promise<void> => {
    for await (const { peer, value, error } of gathering) outcomes.push([peer, value ?? error?.message])
  }
  await crew.value(read())
  t.strictSame(outcomes.slice(0, 2).sort(), [[crew.name(1), 'one'], [crew.name(3), 'three']])
  t.strictSame(outcomes.slice(2), [[crew.name(2), 'two']])
  const { results, errors, missing, complete } = await crew.value(gathering.result())
  t.strictSame([...results], [[crew.name(1), 'one'], [crew.name(2), 'two']])
  t.strictSame([...errors.keys()], [crew.name(3)])
  t.match(errors.get(crew.name(3)), { code: 'ERR_HANDLER' })
  t.strictSame(missing, [{ peer: crew.name(4), reason: 'ERR_TIMEOUT' }])
  t.equal(complete, false)
})

t.test('gather: enough is enough, the others are cancelled', async (t) => {
  const crew = await Crew.of(4)
  const aborted: number[] = []
  for (const index of [1, 2, 3]) {
    crew.work(index).serve('ask', async (_: unknown, call: Call) => {
      call.signal.addEventListener('abort', () => aborted.push(index))
      await crew.sleep(index, index * 20)
      return index
    })
  }
  await crew.sim.run(100)
  const { results, missing } = await crew.value(crew.work(0).gather('ask', 0, { need: 2 }).result())
  t.strictSame([...results.values()], [1, 2])
  t.strictSame(missing, [{ peer: crew.name(3), reason: 'ERR_ABORTED' }])
  await crew.sim.run(10)
  t.strictSame(aborted, [3])
  const some = crew.work(0).gather('ask', 0, { select: (all) => all.slice(0, 2) })
  t.equal((await crew.value(some.result())).results.size, 2)
})

t.test('an idempotency key: joins what runs, replays what is done, refuses another input', async (t) => {
  const crew = await Crew.of(4)
  let runs = 0
  for (const index of [1, 2, 3]) {
    crew.work(index).serve('pay', async (amount: number, call: Call) => {
      runs++
      await crew.sleep(index, 50)
      return `${call.key}: ${amount}, run ${runs}`
    })
  }
  await crew.sim.run(100)
  const key = { key: 'invoice 7' }
  const both = [crew.work(0).request('pay', 5, key), crew.work(1).request('pay', 5, key)]
  t.strictSame(await crew.value(Promise.all(both)), ['invoice 7: 5, run 1', 'invoice 7: 5, run 1'])
  t.equal(await crew.value(crew.work(2).request('pay', 5, key)), 'invoice 7: 5, run 1')
  t.match(await crew.error(crew.work(0).request('pay', 6, key)), { code: 'ERR_KEY_REUSED' })
  t.equal(await crew.value(crew.work(0).request('pay', 6, { key: 'invoice 8' })), 'invoice 8: 6, run 2')
  const controller = new AbortController()
  const first = crew.watch(crew.work(0).request('pay', 1, { key: 'third', signal: controller.signal }))
  const second = crew.work(1).request('pay', 1, { key: 'third' })
  await crew.sim.run(10)
  controller.abort()
  t.equal((await crew.settles(first)).error?.code, 'ERR_ABORTED')
  t.equal(await crew.value(second), 'third: 1, run 3', 'the one who joined gets it all the same')
})

t.test('selection: by tags, by key, by turns, by least load, by a function', async (t) => {
  const crew = await Crew.of(4)
  for (const index of [1, 2, 3]) {
    crew.work(index).serve('who', () => index, { tags: index === 3 ? ['gpu', 'eu'] : index === 2 ? ['eu'] : [] })
    crew.work(index).status = () => [0, 0.5, 0.1, 2][index]
  }
  await crew.sim.run(2_000)
  const ask = (options: object, times = 12): Promise<number[]> =>
    crew.value(Promise.all(Array.from({ length: times }, () => crew.work(0).request<number>('who', 0, options))))
  t.strictSame(new Set(await ask({ tags: ['gpu', 'other'] })), new Set([3]))
  t.strictSame(new Set(await ask({ tags: { all: ['eu', 'gpu'] } })), new Set([3]))
  t.strictSame(new Set(await ask({ tags: ['eu'] }, 30)), new Set([2, 3]))
  t.strictSame(new Set(await ask({ select: 'least-loaded' })), new Set([2]))
  t.strictSame((await ask({ select: 'round-robin' }, 6)).join(''), '123123')
  t.strictSame(new Set(await ask({ select: 'random' }, 60)), new Set([1, 2, 3]))
  t.strictSame(new Set(await ask({}, 60)), new Set([1, 2, 3]))
  t.equal(new Set(await ask({ select: { key: 'user 5' } })).size, 1)
  t.equal(new Set(await ask({ key: 'user 5' }, 1)).size, 1)
  t.strictSame(new Set(await ask({ target: crew.name(2) })), new Set([2]))
  t.strictSame(new Set(await ask({ select: () => crew.name(3) })), new Set([3]))
  crew.work(1).status = () => 0
  await crew.sim.run(2_000)
  t.strictSame(new Set(await ask({ select: 'least-loaded' })), new Set([1]), 'follows what they say')
  const thrown = await crew.error(crew.work(0).request('who', 0, { select: () => { throw new Error('oh') } }))
  t.match(thrown, { code: 'ERR_OPTION', cause: { message: 'oh' } })
})

t.test('a worker that keeps failing is left alone for a while, if there are others', async (t) => {
  const crew = await Crew.of(3)
  let failures = 0
  crew.work(1).serve('job', () => { failures++; throw new Error('always') })
  crew.work(2).serve('job', () => 'fine')
  await crew.sim.run(100)
  for (let i = 0; i < 40; i++) await crew.settles(crew.work(0).request('job', 0, { select: 'round-robin' }))
  t.equal(failures, 5)
  await crew.sim.run(10_000)
  for (let i = 0; i < 40; i++) await crew.settles(crew.work(0).request('job', 0, { select: 'round-robin' }))
  t.equal(failures, 10, 'tried again later')
})

t.test('a handler may deny a call', async (t) => {
  const crew = await Crew.of(2)
  crew.work(1).serve('secret', () => { throw new TelepathineError('ERR_DENIED', 'not for you') })
  await crew.sim.run(100)
  t.match(await crew.error(crew.work(0).request('secret')), { code: 'ERR_DENIED', peer: crew.name(1) })
})

t.test('values of every kind and size come and go; what is too large is refused before it is sent', async (t) => {
  const crew = await Crew.of(2, { maxPayloadBytes: 4_000_000 })
  crew.work(1).serve('echo', (value: unknown) => value)
  await crew.sim.run(100)
  const values = [undefined, null, 0, 'ü', { a: [1, new Map([[1, new Set([2])]])] }, new Date(5), Buffer.from('x'),
    Buffer.alloc(3_000_000, 3), new Uint8Array(100_000).fill(7), 'long '.repeat(100_000),
    { nested: Buffer.alloc(500_000, 1) }, Buffer.alloc(48 * 1024, 1), Buffer.alloc(48 * 1024 + 1, 1)]
  for (const value of values) {
    const back = await crew.value(crew.work(0).request('echo', value))
    t.strictSame(back, value)
    t.equal((back as object | undefined)?.constructor, (value as object | undefined)?.constructor)
  }
  for (const value of [Buffer.alloc(4_000_001), 'x'.repeat(4_000_001)]) {
    t.match(await crew.error(crew.work(0).request('echo', value)), { code: 'ERR_TOO_LARGE' })
  }
  t.match(await crew.error(crew.work(0).request('echo', () => 1)), { code: 'ERR_VALUE' })
  t.equal(crew.work(0).stats.pending, 0)
  t.equal(crew.work(1).stats.heldBytes, 0)
})

t.test('what is given wrongly is refused, and named', async (t) => {
  const crew = await Crew.of(1)
  const work = crew.work(0)
  t.throws(() => new Dispatcher({} as Telepathine), { code: 'ERR_OPTION' })
  t.throws(() => new Dispatcher(undefined as unknown as Telepathine), { code: 'ERR_OPTION' })
  t.throws(() => new Dispatcher(crew.peer(0), { maxPending: 0 }), { code: 'ERR_OPTION', message: /maxPending/ })
  t.throws(() => new Dispatcher(crew.peer(0), { que: 1 } as object), { code: 'ERR_OPTION', message: /que/ })
  for (const name of ['', 5, 'x'.repeat(201), '\ud800']) {
    t.throws(() => work.serve(name as string, () => 1), { code: 'ERR_KEY' })
    t.equal((await crew.error(work.request(name as string))).code, 'ERR_KEY')
  }
  t.throws(() => work.serve('a', 5 as unknown as () => 1), { code: 'ERR_OPTION' })
  for (const options of [{ concurrency: 0 }, { queue: -1 }, { tags: 'a' }, { onCallerLost: 'x' }, { version: 5 }]) {
    t.throws(() => work.serve('a', () => 1, options as object), { code: 'ERR_OPTION' })
  }
  t.throws(() => { work.status = 5 as unknown as () => number }, { code: 'ERR_OPTION' })
  for (const options of [
    { select: 'best' }, { select: 'all' }, { target: 5 }, { tags: [5] }, { timeout: -1 }, { timeout: NaN },
    { signal: {} }, { idempotent: 1 }, { key: '' }, { nothing: 1 }, { probe: 1 }, { probe: 9 }, { probe: 2, key: 'a' },
    { probe: 2, select: 'random' }, { wait: 1 },
  ]) {
    t.equal((await crew.error(work.request('a', 0, options as object))).code, 'ERR_OPTION', JSON.stringify(options))
  }
  t.throws(() => work.stream('a', 0, { select: 'all' }), { code: 'ERR_OPTION', message: /gather/ })
  t.throws(() => work.stream('a', 0, { wait: true }), { code: 'ERR_OPTION', message: /wait/ })
  t.throws(() => work.gather('a', 0, { need: 0 }), { code: 'ERR_OPTION' })
  const idle = new Telepathine(0, [], {})
  t.equal((await crew.error(new Dispatcher(idle).request('a'))).code, 'ERR_STOPPED')
})

t.test('two real peers over sockets', async (t) => {
  const a = await new Telepathine(0).start().ready()
  const b = await new Telepathine(0, [a.name]).start().ready()
  t.teardown(() => Promise.all([a.stop(), b.stop()]))
  const [caller, worker] = [new Dispatcher(a), new Dispatcher(b)]
  worker.serve('echo', async (value: unknown) => value)
  worker.serve('count', async function* (n: number) { for (let i = 0; i < n; i++) yield i })
  await caller.waitFor('echo')
  t.strictSame(await Promise.all([1, 2, 3].map((n) => caller.request('echo', n))), [1, 2, 3])
  const large = Buffer.alloc(20_000_000, 9)
  t.ok(large.equals(await caller.request<Buffer>('echo', large)), '20 MB, more than a frame')
  let sum = 0
  for await (const n of caller.stream<number>('count', 1_000)) sum += n
  t.equal(sum, 499_500)
  await b.stop()
  const error = await caller.request('echo', 1).catch((thrown: CallError) => thrown)
  t.match(error, { code: 'ERR_NO_WORKER' })
})
