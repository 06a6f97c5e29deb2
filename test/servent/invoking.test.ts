import t from 'tap'
import { MethodError, type Peer, Servent } from '../../lib/servent/index.js'
import { Dispatcher } from '../../lib/work/index.js'
import { Nodes } from './fixtures/nodes.js'

/** A node, and another as its peer. */
async function pair(): Promise<{ nodes: Nodes; peer: Peer }> {
  const nodes = await Nodes.of(2)
  return { nodes, peer: nodes.servent(0).peers[nodes.servent(1).id] as Peer }
}

/** What a callback got, in a list. */
function collect(): [list: unknown[][], callback: (...values: unknown[]) => void] {
  const list: unknown[][] = []
  return [list, (...values) => void list.push(values)]
}

t.test('a method that another exposes is invoked with parameters, and answers with what it set', async (t) => {
  const { nodes, peer } = await pair()
  nodes.servent(1).expose('test', function (max: number) {
    this.set('number', max).add('object', { test: true })
    t.equal(this.get('number'), max)
    t.equal(this.get('toString'), undefined)
    t.match(this, { method: 'test', params: [1_000], peer: { id: nodes.servent(0).id } })
    this.send()
  })
  const [answers, callback] = collect()
  const promise = peer.invoke('test', [1_000], callback)
  await nodes.sim.run(100)
  t.equal(await promise, undefined)
  t.match(answers, [[null, { number: 1_000, object: { test: true } }, /^[0-9A-F]{24}$/]])
  const other = peer.invoke('test', [1_000])
  await nodes.sim.run(100)
  t.strictSame(await other, { number: 1_000, object: { test: true } })
})

t.test('what answers with an error, throws, is not there or called wrongly is an error, with a code', async (t) => {
  const { nodes, peer } = await pair()
  nodes.servent(1).expose('fails', {
    plainly: function () {
      this.error('no')
    },
    coded: function () {
      this.error('no', 4_565_455)
    },
    throws: function () {
      throw Object.assign(new Error('thrown'), { code: 'E_MINE' })
    },
    rejects: async function () {
      throw new Error('rejected')
    },
    unsent: function () {
      this.send('key', () => 1)
    },
  })
  const expected: [method: string, params: unknown, code: unknown, message: string | RegExp][] = [
    ['fails.plainly', [], 1_000, 'no'],
    ['fails.coded', [1], 4_565_455, 'no'],
    ['fails.throws', [], 'E_MINE', 'thrown'],
    ['fails.rejects', [], 32603, 'rejected'],
    ['fails.unsent', [], 'ERR_VALUE', /function/],
    ['fails', [], 32601, 'Method not found.'],
    ['toString', [], 32601, 'Method not found.'],
    ['__proto__', [], 32601, 'Method not found.'],
    ['fails.coded', { no: 'list' }, 32602, 'Invalid params.'],
    [7 as never, [], 32600, 'Invalid Request'],
  ]
  for (const [method, params, code, message] of expected) {
    const [answers, callback] = collect()
    void peer.invoke(method, params as unknown[], callback)
    await nodes.sim.run(50)
    t.match(answers, [[{ name: 'MethodError', code, message, method, params }, undefined, String]], method)
    t.type(answers[0]?.[0], MethodError)
  }
  const rejected = t.rejects(peer.invoke('none'), { code: 32601 })
  await nodes.sim.run(50)
  await rejected
})

t.test('a second answer throws and is not sent', async (t) => {
  const { nodes, peer } = await pair()
  const errors: string[] = []
  nodes.servent(1).on('error', ({ message }) => errors.push(message))
  nodes.servent(1).expose('twice', function () {
    this.error('You have an error!', 7)
    this.send()
  })
  const [answers, callback] = collect()
  void peer.invoke('twice', [], callback)
  await nodes.sim.run(100)
  t.match(answers, [[{ code: 7 }]])
  t.strictSame(errors, ['should not sent twice.'])
})

t.test('list tells what is exposed, to all and to this peer; tables by their parts', async (t) => {
  const { nodes, peer } = await pair()
  const method = (): void => undefined
  const constants = { signals: { kill: method } }
  const table: Record<string, unknown> = { cpus: method, constants, version: 1, no: null }
  table['itself'] = table
  nodes.servent(1).expose('os', table).expose('test', method)
  nodes.servent(1).peers[nodes.servent(0).id]?.expose('secret', method)
  const list = peer.invoke('list')
  await nodes.sim.run(100)
  const names = ['list', 'os.constants.signals.kill', 'os.cpus', 'secret', 'test']
  const { Array: all, ...rest } = await list
  t.strictSame((all as string[]).toSorted(), names)
  t.strictSame(rest, Object.fromEntries(names.map((name) => [name, 'function'])))
  const others = nodes.servent(1).peers[nodes.servent(0).id]?.invoke('secret')
  const refused = t.rejects(others as Promise<unknown>, { code: 32601 })
  await nodes.sim.run(100)
  await refused
})

t.test('at all peers: it returns how many, and each answers for itself', async (t) => {
  const nodes = await Nodes.of(4)
  for (const [index, servent] of nodes.servents.entries()) {
    servent.expose('who', function () {
      this.end('index', index)
    })
  }
  const [answers, callback] = collect()
  t.equal(nodes.servent(0).broadcastInvoke('who', [], callback), 3)
  await nodes.sim.run(100)
  t.strictSame(answers.map(([, result]) => (result as { index: number }).index).sort(), [1, 2, 3])
  t.equal(nodes.servent(0).broadcastInvoke('none'), 3)
  await nodes.sim.run(100)
})

t.test('a method may invoke others at all peers', async (t) => {
  const nodes = await Nodes.of(3)
  const [answers, callback] = collect()
  for (const servent of nodes.servents) {
    servent.expose('leaf', function () {
      this.send('leaf', servent.id)
    })
    servent.expose('root', function () {
      this.broadcast('leaf', [], callback).send()
    })
  }
  void nodes.servent(0).peers[nodes.servent(1).id]?.invoke('root')
  await nodes.sim.run(100)
  const ids = [nodes.servent(0).id, nodes.servent(2).id].sort()
  t.strictSame(answers.map(([, result]) => (result as { leaf: string }).leaf).sort(), ids)
})

t.test('a peer that dies, or never answers, is an error in bounded time', async (t) => {
  const { nodes, peer } = await pair()
  nodes.servent(1).expose('never', () => undefined)
  const [answers, callback] = collect()
  void peer.invoke('never', [], callback)
  await nodes.sim.run(29_000)
  t.strictSame(answers, [])
  await nodes.sim.run(2_000)
  t.match(answers, [[{ code: 'ERR_TIMEOUT' }]])
  void peer.invoke('never', [], callback)
  await nodes.sim.run(100)
  nodes.sim.crash(1)
  await nodes.sim.run(5_000)
  t.match(answers.at(1), [{ code: 'ERR_PEER_LOST' }])
  await t.rejects(peer.invoke('never'), { code: 'ERR_PEER_LOST' })
  await nodes.servent(0).close()
  await t.rejects(peer.invoke('never'), { code: 'ERR_STOPPED' })
})

t.test('a callback that throws is called once, and an error of its servent', async (t) => {
  const { nodes, peer } = await pair()
  const errors: string[] = []
  nodes.servent(0).on('error', ({ message }) => errors.push(message))
  let calls = 0
  void peer.invoke('list', [], () => {
    calls++
    throw new Error('in a callback')
  })
  await nodes.sim.run(100)
  t.equal(calls, 1)
  t.strictSame(errors, ['in a callback'])
})

t.test('a method may have a name that means something to objects, and so may a key of a result', async (t) => {
  const { nodes, peer } = await pair()
  for (const name of ['toString', 'constructor', 'hasOwnProperty']) {
    nodes.servent(1).expose(name, function () {
      this.send(name, 1)
    })
    const result = peer.invoke(name)
    await nodes.sim.run(50)
    t.strictSame(Object.entries(await result), [[name, 1]], name)
  }
})

t.test('what cannot be exposed is refused', async (t) => {
  const servent = new Servent()
  t.throws(() => servent.expose('', () => 1), { code: 'ERR_KEY' })
  t.throws(() => servent.expose('a', 1 as never), { code: 'ERR_OPTION' })
  t.throws(() => servent.expose('a', null as never), { code: 'ERR_OPTION' })
})

t.test('calls that make no sense are answered with an error, and harm nothing', async (t) => {
  const { nodes } = await pair()
  const work = new Dispatcher(nodes.telepathine(0))
  for (const servent of nodes.servents) servent.on('error', (error) => t.fail(error.message))
  nodes.servent(1).createWorker('echo', (callback) => callback(null, 1))
  const id = nodes.servent(0).id
  const messages = [
    undefined, null, 7, 'work', [], {}, ['none'], ['work'], ['work', 7, []], ['work', 'echo', 'no list'], ['invoke'],
    ['invoke', 1, 2, 3], ['events'], ['events', id, 7], ['events', id, ['text']], ['events', id, [Buffer.from([0xc1])]],
    ['events', id, [Buffer.from([0x92, 0xa5, ...Buffer.from('error'), 0x90])]],
  ]
  const outcomes: string[] = []
  for (const message of messages) {
    work.request('servent', message, { target: nodes.name(1) }).then(
      (value) => outcomes.push(JSON.stringify(value)),
      ({ code }: { code: string }) => outcomes.push(code),
    )
  }
  const heard: string[] = []
  nodes.servent(1).on('x', () => heard.push('x'))
  await nodes.sim.run(10_000)
  t.equal(outcomes.length, messages.length)
  t.strictSame(nodes.counts(), [1, 1])
  nodes.servent(0).broadcast('x')
  await nodes.sim.run(100)
  t.strictSame(heard, ['x'])
})

t.test('an id that is none, or is told by somebody who takes no calls, makes no peer', async (t) => {
  const { nodes } = await pair()
  const stranger = nodes.sim.add()
  await nodes.sim.run(1_000)
  for (const id of ['__proto__', 7, { id: 1 }, 'f'.repeat(24), 'F'.repeat(24)]) {
    stranger.set('servent:id', id)
    await nodes.sim.run(100)
    t.strictSame(nodes.counts(), [1, 1])
  }
})
