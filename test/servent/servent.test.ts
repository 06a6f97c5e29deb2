import { once } from 'node:events'
import t from 'tap'
import { type ErrorCode, errorCodes, TelepathineError } from '../../lib/index.js'
import { type Peer, Servent, type WorkerCallback } from '../../lib/servent/index.js'
import { encodeEvent } from '../../lib/servent/event.js'
import { Dispatcher, RemoteError } from '../../lib/work/index.js'
import { Simulation } from '../../simulation/index.js'
import { Nodes } from './fixtures/nodes.js'

/** Calls back with what it was given. */
const echo = (value: unknown, callback: WorkerCallback): void => callback(null, value)
const never = (): void => undefined

t.test('a mesh comes of any connection: each knows all others, by id', async (t) => {
  const nodes = await Nodes.of(5)
  t.strictSame(nodes.counts(), [4, 4, 4, 4, 4])
  const [first, second] = nodes.servents as [Servent, Servent]
  const peer = first.peers[second.id] as Peer
  t.match(peer, { id: second.id, name: nodes.name(1), ...hostAndPort(nodes.name(1)) })
  t.match(first.id, /^[0-9A-F]{24}$/)
})

t.test('a peer that is told of can be asked at once', async (t) => {
  const sim = new Simulation({ peers: 6, seed: 1, latencyMs: [0.5, 30] })
  const outcomes: unknown[] = []
  for (const peer of sim.peers) {
    const servent = new Servent({ peer }).listen()
    const worker = servent.createWorker('echo', (callback) => callback(null, peer.name))
    servent.on('peer', () => {
      const names = [peer.name, ...Object.values(servent.peers).map(({ name }) => name)]
      const job = worker.distribute()
      const data: unknown[] = []
      job.on('data', (name) => data.push(name))
      job.on('end', () => outcomes.push({ names: names.sort(), data: data.sort() }))
      job.run()
    })
  }
  await sim.run(5_000)
  t.equal(outcomes.length, 30)
  for (const { names, data } of outcomes as { names: string[]; data: string[] }[]) t.strictSame(data, names)
})

t.test('an event for a peer that does not know of us yet is heard as soon as it does', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const sim = new Simulation({ peers: 6, seed, latencyMs: [0.5, 60] })
    const heard = new Set<string>()
    const told: string[] = []
    for (const peer of sim.peers) {
      const servent = new Servent({ peer }).listen()
      servent.on('hello', ({ id }) => heard.add(`${id} to ${servent.id}`))
      servent.on('peer', (other) => {
        told.push(`${servent.id} to ${other.id}`)
        other.emit('hello')
      })
    }
    await sim.run(5_000)
    t.equal(told.length, 30)
    t.strictSame([...heard].sort(), told.sort())
  }
})

t.test('events of somebody who stays unknown are given up', async (t) => {
  const nodes = await Nodes.of(2)
  const stranger = new Dispatcher(nodes.sim.add())
  for (const servent of nodes.servents) servent.on('hello', () => t.fail('heard'))
  await nodes.sim.run(1_000)
  const told = encodeEvent('hello', [])
  const request = stranger.request('servent', ['events', 'F'.repeat(24), [told]], { target: nodes.name(0) })
  const refused = t.rejects(request, { code: 'ERR_HANDLER', message: /not known here/ })
  await nodes.sim.run(6_000)
  await refused
})

t.test('a job is done by all nodes, the own one too: one data each, then one end', async (t) => {
  const nodes = await Nodes.of(3)
  const worker = nodes.workers<[max: number]>('random', () => (max, callback) => {
    callback(null, Math.floor(Math.random() * max))
  })
  const { events, data } = await nodes.run(worker, 1_000, 1_000)
  t.strictSame(events, ['start', 'data', 'data', 'data', 'end'])
  for (const value of data as number[]) t.ok(Number.isInteger(value) && value >= 0 && value < 1_000, String(value))
})

t.test('with a time to live it ends with what it has, and what comes later is not heard', async (t) => {
  const nodes = await Nodes.of(3)
  let late: WorkerCallback = never
  let calls = 0
  const worker = nodes.workers<[]>('slow', (index) => (callback) => {
    calls++
    if (index === 2) late = callback
    else callback(null, index)
  })
  const job = worker.distribute((job) => job.setTTL(5_000))
  const followed = nodes.follow(job)
  job.run()
  await nodes.sim.run(4_990)
  t.strictSame(followed.events, ['start', 'data', 'data'])
  await nodes.sim.run(20)
  t.strictSame(followed.data.sort(), [0, 1])
  t.strictSame(followed.events, ['start', 'data', 'data', 'end'])
  t.ok(followed.endMs >= 5_000 && followed.endMs < 5_010, String(followed.endMs))
  t.strictSame(job.missing, [{ peer: nodes.name(2), reason: 'ERR_TIMEOUT' }])
  late(null, 'late')
  await nodes.sim.run(1_000)
  t.equal(followed.events.length, 4)
  t.equal(calls, 3)
})

t.test('a late answer of the own node is not heard either', async (t) => {
  const nodes = await Nodes.of(2)
  let late: WorkerCallback = never
  const worker = nodes.workers<[]>('slow', (index) => (callback) => {
    if (index === 0) late = callback
    else callback(null, index)
  })
  const job = worker.distribute((job) => job.setTTL(100))
  const { events } = nodes.follow(job)
  job.run()
  await nodes.sim.run(200)
  late(null, 'late')
  await nodes.sim.run(200)
  t.strictSame(events, ['start', 'data', 'end'])
})

for (const silent of [false, true]) {
  t.test(`without one, a node that dies ${silent ? 'with its host ' : ''}ends the waiting for it`, async (t) => {
    const nodes = await Nodes.of(3)
    const worker = nodes.workers<[]>('slow', (index) => (callback) => index === 2 || callback(null, index))
    const job = worker.distribute()
    const followed = nodes.follow(job)
    job.run()
    await nodes.sim.run(1_000)
    t.strictSame(followed.events, ['start', 'data', 'data'])
    nodes.sim.crash(2, { silent })
    await nodes.sim.run(10_000)
    t.strictSame(followed.events, ['start', 'data', 'data', 'end'])
    t.strictSame(job.missing, [{ peer: nodes.name(2), reason: 'ERR_PEER_LOST' }])
    t.strictSame(nodes.counts().slice(0, 2), [1, 1])
  })
}

t.test('an error called back with is an Error of the job, with what it carried, and counts as an answer', async (t) => {
  const nodes = await Nodes.of(3)
  const worker = nodes.workers<[]>('fails', (index) => (callback) => {
    if (index === 1) callback(Object.assign(new RangeError('x'), { code: 'E_MINE', data: { n: 1 } }))
    else if (index === 2) callback('y')
    else callback(null, index)
  })
  const { events, data, errors } = await nodes.run(worker, 1_000)
  t.strictSame([...events].sort(), ['data', 'end', 'error', 'error', 'start'])
  t.equal(events.at(-1), 'end')
  t.strictSame(data, [0])
  for (const error of errors) t.type(error, Error)
  const [x, y] = errors.sort((a, b) => (a.message < b.message ? -1 : 1)) as [RemoteError, RemoteError]
  t.match(x, { name: 'RangeError', message: 'x', code: 'E_MINE', data: { n: 1 }, peer: nodes.name(1) })
  t.match(y, { message: 'y', peer: nodes.name(2) })
})

t.test('an error is an answer whatever its code, also one that a call from here would have', async (t) => {
  const nodes = await Nodes.of(2)
  const worker = nodes.workers<[code: ErrorCode]>('fails', () => (code, callback) => {
    callback(new TelepathineError(code, 'from elsewhere'))
  })
  for (const code of errorCodes) {
    const { events, errors } = await nodes.run(worker, 50, code)
    t.strictSame(events, ['start', 'error', 'error', 'end'], code)
    t.match(errors, [{ name: new TelepathineError(code, '').name, code, message: 'from elsewhere' }, { code }])
  }
})

t.test('what is false is data like any other', async (t) => {
  const nodes = await Nodes.of(2)
  const values = [0, '', null, false, undefined, Number.NaN]
  const worker = nodes.workers<[at: number]>('false', () => (at, callback) => callback(null, values[at]))
  for (const [at, value] of values.entries()) {
    const { events, data } = await nodes.run(worker, 100, at)
    t.strictSame(events, ['start', 'data', 'data', 'end'])
    t.strictSame(data, [value, value])
  }
})

t.test('a node without the worker does not delay the end, nor one that only distributes', async (t) => {
  const nodes = await Nodes.of(4)
  nodes.servent(0).createWorker('some', echo)
  nodes.servent(1).createWorker('some', echo)
  const worker = nodes.servent(2).createWorker<[number]>('some')
  const { events, data, endMs } = await nodes.run(worker, 1_000, 7)
  t.strictSame(events, ['start', 'data', 'data', 'end'])
  t.strictSame(data, [7, 7])
  t.ok(endMs < 20, String(endMs))
})

t.test('nobody has the worker: it ends', async (t) => {
  const nodes = await Nodes.of(2)
  const { events } = await nodes.run(nodes.servent(0).createWorker('none'), 100)
  t.strictSame(events, ['start', 'end'])
})

t.test('parameters arrive in their order, with a callback last and the worker as this, here and there', async (t) => {
  const nodes = await Nodes.of(2)
  const got: unknown[] = []
  const worker = nodes.workers<unknown[]>('args', (index) => function (...params) {
    const callback = params.pop() as WorkerCallback
    got.push([index, String(this), ...params])
    callback()
  })
  await nodes.run(worker, 100, 1, 'b', { c: [true] }, null, undefined)
  const params = ['[Worker: args]', 1, 'b', { c: [true] }, null, undefined]
  t.strictSame(got.sort(), [[0, ...params], [1, ...params]])
})

t.test('jobs of one worker that overlap do not mix, and have ids of their own', async (t) => {
  const nodes = await Nodes.of(3)
  const worker = nodes.workers<[n: number]>('echo', (index) => (n, callback) => {
    nodes.telepathine(index).after(((n * 7 + index * 5) % 11) * 10, () => callback(null, n))
  })
  const jobs = Array.from({ length: 20 }, () => worker.distribute())
  const all = jobs.map((job) => nodes.follow(job))
  for (const [n, job] of jobs.entries()) job.run(n)
  await nodes.sim.run(1_000)
  for (const [n, { data, events }] of all.entries()) {
    t.strictSame(data, [n, n, n])
    t.equal(events.filter((event) => event === 'end').length, 1)
  }
  t.equal(new Set(jobs.map(({ id }) => id)).size, 20)
  for (const job of jobs) t.match(String(job), /^\[Job: [0-9A-F]{24}\]$/)
})

t.test('of several answers of a node the first counts', async (t) => {
  const nodes = await Nodes.of(2)
  const worker = nodes.workers<[]>('twice', (index) => (callback) => {
    callback(null, index)
    callback(null, 'again')
    callback(new Error('and again'))
  })
  const { events, data } = await nodes.run(worker, 1_000)
  t.strictSame(events, ['start', 'data', 'data', 'end'])
  t.strictSame(data.sort(), [0, 1])
})

t.test('a worker that throws, now or later, is an error of the job and of nothing else', async (t) => {
  const nodes = await Nodes.of(3)
  for (const servent of nodes.servents) servent.on('error', (error) => t.fail(error.message))
  const worker = nodes.workers<[]>('throws', (index) => {
    if (index === 0) return (callback) => callback(null, 'well')
    if (index === 2) return () => Promise.reject(new Error('rejected'))
    return () => {
      throw new TypeError('thrown')
    }
  })
  for (let round = 0; round < 2; round++) {
    const { events, errors } = await nodes.run(worker, 1_000)
    t.strictSame([...events].sort(), ['data', 'end', 'error', 'error', 'start'])
    t.strictSame(errors.map(({ message }) => message).sort(), ['rejected', 'thrown'])
  }
})

t.test('what a worker throws after it has answered is an error of its servent', async (t) => {
  const nodes = await Nodes.of(2)
  const errors: string[] = []
  nodes.servent(1).on('error', ({ message }) => errors.push(message))
  const worker = nodes.workers<[]>('throws', (index) => (callback) => {
    callback(null, index)
    if (index === 1) throw new Error('too late')
  })
  const { events } = await nodes.run(worker, 100)
  t.strictSame(events, ['start', 'data', 'data', 'end'])
  t.strictSame(errors, ['too late'])
})

t.test('a job whose errors nobody listens to ends all the same', async (t) => {
  const nodes = await Nodes.of(2)
  const worker = nodes.workers<[]>('fails', () => (callback) => callback(new Error('nobody listens')))
  let ends = 0
  const job = worker.distribute()
  job.on('end', () => ends++)
  job.run()
  await nodes.sim.run(100)
  t.equal(ends, 1)
})

t.test('a listener that throws stops neither the job nor other listeners: it is an error of the servent', async (t) => {
  const nodes = await Nodes.of(2)
  const errors: string[] = []
  nodes.servent(0).on('error', ({ message }) => errors.push(message))
  const worker = nodes.workers<[]>('echo', (index) => (callback) => callback(null, index))
  const job = worker.distribute()
  job.on('data', () => {
    throw new Error('in a listener')
  })
  const { events } = nodes.follow(job)
  job.run()
  await nodes.sim.run(100)
  t.strictSame(events, ['start', 'data', 'data', 'end'])
  t.strictSame(errors, ['in a listener', 'in a listener'])
})

t.test('parameters that cannot be sent are an error of the job, which ends', async (t) => {
  const nodes = await Nodes.of(2)
  const worker = nodes.workers<[unknown]>('echo', () => echo)
  const { events, errors } = await nodes.run(worker, 100, () => 1)
  t.strictSame(events, ['start', 'error', 'end'])
  t.match(errors[0], { code: 'ERR_VALUE' })
  const { data } = await nodes.run(worker, 100, 'well')
  t.strictSame(data, ['well', 'well'])
})

t.test('results that cannot be sent are an error of the job', async (t) => {
  const nodes = await Nodes.of(2)
  const worker = nodes.workers<[]>('symbol', (index) => (callback) => callback(null, index === 0 ? 0 : Symbol('s')))
  const { events, errors } = await nodes.run(worker, 100)
  t.strictSame([...events].sort(), ['data', 'end', 'error', 'start'])
  t.match(errors[0], { code: 'ERR_VALUE' })
})

t.test('a servent that is closed ends its jobs with what they have, and lets others end theirs', async (t) => {
  const nodes = await Nodes.of(3)
  const worker = nodes.workers<[]>('slow', (index) => (callback) => index === 0 && callback(null, index))
  const own = worker.distribute()
  const other = nodes.servent(1).createWorker('slow').distribute()
  const [ownEvents, otherEvents] = [nodes.follow(own).events, nodes.follow(other).events]
  own.run()
  other.run()
  await nodes.sim.run(100)
  const closed = nodes.servent(0).close()
  await nodes.sim.run(100)
  await closed
  t.strictSame(ownEvents, ['start', 'data', 'end'])
  t.match(own.missing, [{ reason: 'ERR_STOPPED' }, { reason: 'ERR_STOPPED' }])
  t.strictSame(otherEvents, ['start', 'data'])
  t.strictSame(nodes.counts(), [0, 1, 1], 'it is no peer any more, though the cluster still has it')
  const others = [nodes.servent(1).close(), nodes.servent(2).close()]
  await nodes.sim.run(100)
  await Promise.all(others)
  t.strictSame(otherEvents, ['start', 'data', 'end'])
})

t.test('after it was closed it may listen again, with all that it had', async (t) => {
  const nodes = await Nodes.of(2)
  const heard: unknown[] = []
  nodes.servent(0).on('hello', ({ id }, what) => heard.push([id, what]))
  const worker = nodes.workers<[number]>('echo', () => echo)
  let closes = 0
  nodes.servent(0).on('close', () => closes++)
  const closed = nodes.servent(0).close()
  t.equal(nodes.servent(0).address(), null)
  await nodes.sim.run(100)
  await closed
  t.equal(closes, 1)
  nodes.servent(0).listen()
  await nodes.sim.run(1_000)
  t.strictSame(nodes.counts(), [1, 1])
  t.equal(nodes.servent(1).broadcast('hello', 1), 1)
  const { data } = await nodes.run(worker, 100, 5)
  t.strictSame(data, [5, 5])
  t.strictSame(heard, [[nodes.servent(1).id, 1]])
})

t.test('a broadcast returns how many peers there are, and each hears it once, with who said it', async (t) => {
  const nodes = await Nodes.of(4)
  const heard: unknown[] = []
  for (const [index, servent] of nodes.servents.entries()) {
    servent.on('e', (peer, ...args) => heard.push([index, peer.id, ...args]))
  }
  t.equal(nodes.servent(0).broadcast('e', 1, { two: 2 }), 3)
  await nodes.sim.run(100)
  const from = nodes.servent(0).id
  t.strictSame(heard.sort(), [1, 2, 3].map((index) => [index, from, 1, { two: 2 }]))
  t.equal(new Servent().broadcast('e'), 0)
})

t.test('an event emitted at a peer goes there and nowhere else; an answer goes back', async (t) => {
  const nodes = await Nodes.of(3)
  const heard: unknown[] = []
  for (const [index, servent] of nodes.servents.entries()) {
    servent.on('ping', (peer, n: number) => peer.emit('pong', n + 1))
    servent.on('pong', (peer, n: number) => heard.push([index, peer.name, n]))
  }
  const peer = nodes.servent(0).peers[nodes.servent(2).id]
  t.equal(peer?.emit('ping', 1), true)
  await nodes.sim.run(100)
  t.strictSame(heard, [[0, nodes.name(2), 2]])
})

t.test('events arrive in the order in which they were emitted, whatever their size', async (t) => {
  const nodes = await Nodes.of(2)
  const heard: number[] = []
  nodes.servent(1).on('e', (_, n: number) => heard.push(n))
  const sizes = [10, 100_000, 0, 1_100_000, 5]
  for (let n = 0; n < 40; n++) {
    nodes.servent(0).broadcast('e', n, Buffer.alloc(sizes[n % sizes.length] ?? 0))
    if (n % 10 === 0) await nodes.sim.run(1)
  }
  await nodes.sim.run(5_000)
  t.strictSame(heard, Array.from({ length: 40 }, (_, n) => n))
})

t.test('an event is what it was when it was emitted, whatever becomes of it later', async (t) => {
  const nodes = await Nodes.of(2)
  const heard: unknown[] = []
  nodes.servent(1).on('e', (_, value) => heard.push(value))
  const value = { n: 1 }
  for (; value.n <= 3; value.n++) nodes.servent(0).broadcast('e', value)
  await nodes.sim.run(100)
  t.strictSame(heard, [{ n: 1 }, { n: 2 }, { n: 3 }])
})

t.test('names of its own events cannot be emitted from elsewhere; nor what cannot be sent', async (t) => {
  const nodes = await Nodes.of(2)
  const [peer] = Object.values(nodes.servent(0).peers) as [Peer]
  for (const event of ['error', 'listening', 'peer', 'close', '', 7, Symbol('s')]) {
    t.throws(() => nodes.servent(0).broadcast(event as string), { code: 'ERR_KEY' })
    t.throws(() => peer.emit(event as string), { code: 'ERR_KEY' })
  }
  t.throws(() => nodes.servent(0).broadcast('e', () => 1), { code: 'ERR_VALUE' })
  t.throws(() => peer.emit('e', Buffer.alloc(17 << 20)), { code: 'ERR_TOO_LARGE' })
  for (const event of ['__proto__', 'constructor', 'a:b', '*', 'toString']) {
    const heard: unknown[] = []
    nodes.servent(1).on(event, (_, n) => heard.push(n))
    t.equal(peer.emit(event, 1), true)
    await nodes.sim.run(50)
    t.strictSame(heard, [1], event)
  }
})

t.test('what a worker begins for later does not end with the job that it was called for', async (t) => {
  const nodes = await Nodes.of(2)
  const echoes = nodes.workers<[]>('echo', (index) => (callback) => callback(null, index))
  const later = echoes.distribute()
  const { data } = nodes.follow(later)
  const worker = nodes.workers<[]>('begin', (index) => async (callback) => {
    callback()
    await new Promise<void>((resolve) => nodes.telepathine(index).after(2_000, resolve))
    if (index === 0) later.run()
  })
  worker.distribute((job) => job.setTTL(1_000)).run()
  await nodes.sim.run(3_000)
  t.strictSame(data.sort(), [0, 1])
})

t.test('a peer that dies emits end, and is there again when it comes back, under another id', async (t) => {
  const nodes = await Nodes.of(2)
  const told: string[] = []
  const [peer] = Object.values(nodes.servent(0).peers) as [Peer]
  peer.on('end', () => told.push(`end ${peer.id}`))
  nodes.servent(0).on('peer', ({ id }) => told.push(`peer ${id}`))
  nodes.sim.crash(1)
  await nodes.sim.run(5_000)
  t.strictSame(nodes.servent(0).peers, {})
  t.equal(peer.emit('e'), false)
  const again = new Servent({ peer: nodes.sim.restart(1) }).listen()
  await nodes.sim.run(5_000)
  t.strictSame(Object.keys(nodes.servent(0).peers), [again.id])
  t.strictSame(told, [`end ${peer.id}`, `peer ${again.id}`])
})

t.test('after a partition each side has the other again', async (t) => {
  const nodes = await Nodes.of(4)
  const worker = nodes.workers<[]>('echo', (index) => (callback) => callback(null, index))
  nodes.sim.partition([0, 1], [2, 3])
  await nodes.sim.run(20_000)
  t.strictSame(nodes.counts(), [1, 1, 1, 1])
  t.strictSame((await nodes.run(worker, 1_000)).data.sort(), [0, 1])
  nodes.sim.heal()
  await nodes.sim.run(20_000)
  t.strictSame(nodes.counts(), [3, 3, 3, 3])
  t.strictSame((await nodes.run(worker, 1_000)).data.sort(), [0, 1, 2, 3])
})

t.test('every job ends once, and has at most one answer of each, whatever happens to nodes and network', async (t) => {
  for (let seed = 1; seed <= 3; seed++) {
    const nodes = await Nodes.of(6, { seed, loss: 0.05, latencyMs: [0.2, 20] })
    const worker = nodes.workers<[n: number]>('slow', (index) => (n, callback) => {
      nodes.telepathine(index).after((n * 37 + index * 91) % 700, () => callback(null, `${n} ${index}`))
    })
    const all = []
    for (let n = 0; n < 100; n++) {
      const job = worker.distribute((job) => n % 2 === 0 && job.setTTL(300))
      all.push(nodes.follow(job))
      job.run(n)
      if (n === 20) nodes.sim.crash(5)
      if (n === 40) nodes.sim.partition([0, 1, 2], [3, 4])
      if (n === 70) nodes.sim.heal()
      if (n === 80) nodes.sim.pause(1, 3_000)
      await nodes.sim.run(50)
    }
    await nodes.sim.run(60_000)
    for (const [n, { events, data }] of all.entries()) {
      t.equal(events.filter((event) => event === 'end').length, 1, `job ${n} of seed ${seed} ends once`)
      t.equal(events.at(-1), 'end')
      t.equal(new Set(data).size, data.length, 'each answers once')
      t.ok(data.every((value) => String(value).startsWith(`${n} `)))
    }
    t.strictSame(nodes.sim.violations, [])
  }
})

t.test('a peer that was removed is left alone until it is connected to again', async (t) => {
  const nodes = await Nodes.of(3)
  const heard: unknown[] = []
  for (const [index, servent] of nodes.servents.entries()) servent.on('e', (peer) => heard.push([index, peer.name]))
  const worker = nodes.workers<[]>('echo', (index) => (callback) => callback(null, index))
  const peer = nodes.servent(0).peers[nodes.servent(1).id] as Peer
  let ends = 0
  peer.on('end', () => ends++)
  t.equal(nodes.servent(0).removePeer(peer.id), true)
  t.equal(nodes.servent(0).removePeer(peer.id), false)
  t.equal(nodes.servent(0).removePeer('nobody'), false)
  t.equal(ends, 1)
  t.strictSame(nodes.counts(), [1, 2, 2])
  nodes.servent(0).broadcast('e')
  nodes.servent(1).broadcast('e')
  t.strictSame((await nodes.run(worker, 1_000)).data.sort(), [0, 2])
  t.strictSame(heard.sort(), [[2, nodes.name(0)], [2, nodes.name(1)]])
  const job = nodes.servent(1).createWorker('echo').distribute().run()
  await nodes.sim.run(100)
  t.strictSame(job.missing, [{ peer: nodes.name(0), reason: 'ERR_DENIED' }])
  t.equal(nodes.servent(0).addPeer(nodes.name(1)), true)
  t.equal(nodes.servent(0).addPeer(nodes.name(1)), false)
  t.strictSame(nodes.counts(), [2, 2, 2])
  t.strictSame((await nodes.run(worker, 1_000)).data.sort(), [0, 1, 2])
  nodes.servent(0).peers[peer.id]?.destroy()
  t.strictSame(nodes.counts(), [1, 2, 2])
})

t.test('a worker of a name is made once on a servent; one without a function as often as one likes', async (t) => {
  const servent = new Servent()
  servent.createWorker('a', echo)
  t.throws(() => servent.createWorker('a', echo), { code: 'ERR_BUSY' })
  t.equal(String(servent.createWorker('a')), '[Worker: a]')
  t.throws(() => servent.createWorker(''), { code: 'ERR_KEY' })
  t.throws(() => servent.createWorker('b', 'work' as never), { code: 'ERR_OPTION' })
})

t.test('options are those of a peer, or a peer', async (t) => {
  const nodes = await Nodes.of(1)
  const peer = nodes.telepathine(0)
  t.throws(() => new Servent({ clutser: 'x' } as never), { code: 'ERR_OPTION' })
  t.throws(() => new Servent({ peer, cluster: 'x' }), { code: 'ERR_OPTION' })
  t.throws(() => new Servent({ peer: {} as never }).listen(), { code: 'ERR_OPTION' })
  t.throws(() => new Servent().listen(70_000), { code: 'ERR_PORT' })
  t.throws(() => new Servent().listen(0, 'no host'), { code: 'ERR_ADDRESS' })
  t.throws(() => new Servent().connect(0), { code: 'ERR_ADDRESS' })
  t.throws(() => new Servent({ peer }).listen(1), { code: 'ERR_PORT' })
  t.throws(() => nodes.servent(0).listen(), { code: 'ERR_BUSY' })
})

t.test('what the peer is stopped for, the servent is closed by', async (t) => {
  const nodes = await Nodes.of(2)
  const closed = once(nodes.servent(0), 'close')
  const stopped = nodes.telepathine(0).stop()
  await nodes.sim.run(2_000)
  await Promise.all([closed, stopped])
  t.equal(nodes.servent(0).listening, false)
  t.strictSame(nodes.counts(), [0, 0])
})

function hostAndPort(name: string): { host: string; port: number } {
  const at = name.lastIndexOf(':')
  return { host: name.slice(0, at), port: Number(name.slice(at + 1)) }
}

