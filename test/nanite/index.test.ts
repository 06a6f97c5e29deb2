import t from 'tap'
import { Actor, Agent, Mapper, type Candidate, type Deliverable, type Job } from '../../lib/nanite/index.js'
import { Mock, Troupe } from './fixtures/troupe.js'

const actions = ['list', 'echo', 'boom', 'yields', 'late', 'index', 'nothing']
const services = actions.map((action) => `/mock/${action}`)

t.test('what an actor exposes is advertised as /prefix/method, and nothing else', async (t) => {
  class Foo extends Actor {
    static expose = ['bar']
    bar(): string {
      return 'bar'
    }

    hidden(): void {}
  }
  class RackWorker extends Actor {
    static expose = ['call']
    call(): void {}
  }
  const { agents, mapper, sim } = await Troupe.of(1)
  const [agent] = agents
  t.strictSame(mapper.agents()[0]?.services, services)
  agent?.register(new Foo()).register(new RackWorker()).register(new RackWorker(), 'rack')
  await sim.run(100)
  const found = [...services, '/foo/bar', '/rack_worker/call', '/rack/call']
  t.strictSame(mapper.agents()[0]?.services, found)
  t.strictSame(agent?.services, found)
  t.equal(mapper.request('/foo/hidden'), false)
})

t.test('a request gives a token at once, and calls back later, once, with results by agent', async (t) => {
  const troupe = await Troupe.of(1)
  const { token, outcomes } = troupe.ask('/mock/list', 'x')
  t.match(token, /^[0-9a-f]{32}$/)
  t.strictSame(outcomes, [])
  await troupe.sim.run(40_000)
  t.equal(outcomes.length, 1)
  t.strictSame(outcomes[0]?.results, { [troupe.name(0)]: [1, 2, 3] })
  t.match(outcomes[0]?.job, { token, type: '/mock/list', missing: [], targets: [], completed: true })
  t.equal(troupe.mapper.pending, 0)
  t.strictSame(troupe.sim.violations, [])
})

t.test('the least status is chosen, strictly, and as it changes', async (t) => {
  const status = [0.5, 0.1, 2]
  const troupe = await Troupe.of(3, (i) => ({ status_proc: () => status[i], ping_time: 1 }))
  const asked = async (): Promise<string[]> => {
    const all = Array.from({ length: 20 }, () => troupe.ask('/mock/list'))
    await troupe.sim.run(100)
    return [...new Set(all.flatMap(({ outcomes }) => Object.keys(outcomes[0]?.results ?? {})))]
  }
  t.strictSame(await asked(), [troupe.name(1)])
  status[2] = 0.05
  await troupe.sim.run(1_100)
  t.strictSame(await asked(), [troupe.name(2)])
})

t.test('least_loaded breaks ties by what is under way from here, and what cannot be compared comes last', async (t) => {
  const status: unknown[] = [3, 3, 3, NaN, undefined, 'text', null]
  const troupe = await Troupe.of(status.length, (i) => ({ status_proc: () => status[i] }))
  const asked = Array.from({ length: 9 }, () => troupe.ask('/mock/late', 50))
  await troupe.sim.run(100)
  const counts = new Map<string, number>()
  for (const { outcomes } of asked) {
    for (const name of Object.keys(outcomes[0]?.results ?? {})) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  t.strictSame(new Map([...counts].sort()), new Map([0, 1, 2].map((i) => [troupe.name(i), 3])))
})

t.test('all asks everybody and calls back once; random reaches everybody; rr takes turns by route', async (t) => {
  const troupe = await Troupe.of(3)
  const names = [0, 1, 2].map((i) => troupe.name(i))
  const { outcomes } = troupe.ask('/mock/list', '', 'all')
  await troupe.sim.run(100)
  t.equal(outcomes.length, 1)
  t.strictSame(Object.keys(outcomes[0]?.results ?? {}).sort(), names)

  const random = Array.from({ length: 200 }, () => troupe.ask('/mock/list', '', 'random'))
  await troupe.sim.run(100)
  const reached = new Set(random.flatMap(({ outcomes }) => Object.keys(outcomes[0]?.results ?? {})))
  t.strictSame([...reached].sort(), names)

  const turns = async (type: string, count: number): Promise<string[]> => {
    const all = Array.from({ length: count }, () => troupe.ask(type, '', 'rr'))
    await troupe.sim.run(100)
    return all.flatMap(({ outcomes }) => Object.keys(outcomes[0]?.results ?? {}))
  }
  t.strictSame(await turns('/mock/list', 4), [...names, names[0]])
  t.strictSame(await turns('/mock/index', 3), names)
  t.strictSame(await turns('/mock/list', 2), names.slice(1))
})

t.test('a function may choose among candidates with status, services and tags', async (t) => {
  const troupe = await Troupe.of(3, (i) => ({ tags: [`tag${i}`], status_proc: () => ({ free: 10 - i }) }))
  let seen: readonly Candidate[] = []
  const { results } = await troupe.answer('/mock/list', '', (candidates, type) => {
    t.equal(type, '/mock/list')
    seen = candidates
    return candidates.filter(({ status }) => (status as { free: number }).free === 9)
  })
  t.strictSame(Object.keys(results), [troupe.name(1)])
  t.match(seen, [0, 1, 2].map((i) => ({
    identity: troupe.name(i), status: { free: 10 - i }, services, tags: [`tag${i}`], timestamp: Number, outstanding: 0,
  })))
  const seconds = (troupe.sim.now() - (seen[0]?.timestamp ?? 0)) / 1_000
  t.ok(seconds >= 0 && seconds < 15)

  const two = await troupe.answer('/mock/list', '', () => [troupe.name(0), troupe.name(2), 'nobody'])
  t.strictSame(Object.keys(two.results).sort(), [troupe.name(0), troupe.name(2)])
  for (const none of [[], null, undefined, [undefined], 'nobody']) {
    const { token, outcomes } = troupe.ask('/mock/list', '', () => none as [])
    t.equal(token, false)
    await troupe.sim.run(100)
    t.strictSame(outcomes, [])
  }
  t.throws(() => troupe.ask('/mock/list', '', () => {
    throw new Error('in the selector')
  }), { message: 'in the selector' })
})

t.test('target goes there and nowhere else; tags choose; who is not there is no target, at once', async (t) => {
  const troupe = await Troupe.of(3, (i) => ({ tags: i === 0 ? ['a'] : ['a', 'b'] }))
  for (const i of [2, 0, 1]) {
    const { results } = await troupe.answer('/mock/list', '', { target: troupe.name(i) })
    t.strictSame(Object.keys(results), [troupe.name(i)])
  }
  const by = async (tags: object | string[]): Promise<string[]> =>
    Object.keys((await troupe.answer('/mock/list', '', { tags, selector: 'all' })).results).sort()
  t.strictSame(await by(['b', 'c']), [troupe.name(1), troupe.name(2)])
  t.strictSame(await by({ all: ['a', 'b'] }), [troupe.name(1), troupe.name(2)])
  t.strictSame((await by({ any: ['a'] })).length, 3)
  for (const how of [{ target: '10.9.9.9:9000' }, { target: '' }, { tags: ['c'] }, { tags: { all: ['b', 'c'] } }]) {
    t.equal(troupe.ask('/mock/list', '', how).token, false, JSON.stringify(how))
  }
  t.equal(troupe.ask('/other/list', '', { target: troupe.name(0) }).token, false)
  troupe.agent(0).tag('c')
  await troupe.sim.run(100)
  t.strictSame(await by(['c']), [troupe.name(0)])
})

t.test('nobody serves it: false, and no callback', async (t) => {
  const troupe = await Troupe.of(1)
  const { token, outcomes } = troupe.ask('/nobody/knows')
  t.equal(token, false)
  t.equal(troupe.mapper.push('/nobody/knows'), false)
  await troupe.sim.run(60_000)
  t.strictSame(outcomes, [])
  t.equal(troupe.mapper.pending, 0)
})

for (const silent of [false, true]) {
  t.test(`an agent that is ${silent ? 'silent' : 'killed'} is not chosen, and is again when it is back`, async (t) => {
    const told: string[] = []
    const tell = (what: string) => (identity: string) => void told.push(`${what} ${identity}`)
    const callbacks = { register: tell('register'), unregister: tell('unregister'), timeout: tell('timeout') }
    const troupe = await Troupe.of(2, () => ({}), { callbacks })
    const [first, second] = [troupe.name(0), troupe.name(1)]
    t.strictSame(told.splice(0).sort(), [`register ${first}`, `register ${second}`])
    troupe.sim.crash(0, { silent })
    await troupe.sim.run(15_000)
    t.strictSame(told.splice(0), [`timeout ${first}`])
    t.strictSame(Object.keys((await troupe.answer('/mock/list', '', 'all')).results), [second])
    t.equal(troupe.ask('/mock/list', '', { target: first }).token, false)

    new Agent(troupe.sim.restart(0)).register(new Mock())
    await troupe.sim.run(3_000)
    t.strictSame(told.splice(0), [`register ${first}`])
    t.strictSame(Object.keys((await troupe.answer('/mock/list', '', 'all')).results).sort(), [first, second])
  })
}

t.test('an agent killed on the way is reported missing, and the others are there', async (t) => {
  const troupe = await Troupe.of(3)
  const { outcomes } = troupe.ask('/mock/late', 2_000, 'all')
  await troupe.sim.run(100)
  troupe.sim.crash(1)
  await troupe.sim.run(10_000)
  t.equal(outcomes.length, 1)
  t.strictSame(outcomes[0]?.results, { [troupe.name(0)]: 'at last', [troupe.name(2)]: 'at last' })
  t.strictSame(outcomes[0]?.job.missing, [{ agent: troupe.name(1), reason: 'ERR_PEER_LOST' }])
})

t.test('who does not answer in time is missing, by name; nothing comes after that', async (t) => {
  const troupe = await Troupe.of(2)
  const began = troupe.sim.now()
  const { outcomes } = troupe.ask('/mock/late', 500, { selector: 'all', timeout: 300 })
  await troupe.sim.run(2_000)
  t.equal(outcomes.length, 1)
  t.strictSame(outcomes[0]?.results, {})
  t.strictSame(outcomes[0]?.job.missing.map(({ agent }) => agent).sort(), [troupe.name(0), troupe.name(1)])
  t.strictSame(outcomes[0]?.job.missing.map(({ reason }) => reason), ['ERR_TIMEOUT', 'ERR_TIMEOUT'])
  const tookMs = (outcomes[0]?.atMs ?? 0) - began
  t.ok(tookMs >= 300 && tookMs < 310, `${tookMs} ms`)

  const long = troupe.ask('/mock/late', 1e9)
  await troupe.sim.run(30_100)
  t.match(long.outcomes[0]?.job.missing, [{ reason: 'ERR_TIMEOUT' }], '30 s unless said otherwise')
})

t.test('a push is done by one agent, and brings no result', async (t) => {
  const troupe = await Troupe.of(3)
  t.equal(troupe.mapper.push('/mock/echo', 'pushed'), true)
  t.equal(troupe.mapper.push('/mock/boom', 'who cares'), true)
  await troupe.sim.run(1_000)
  t.strictSame(troupe.mocks.flatMap(({ seen }) => seen).map(({ payload }) => payload), ['pushed'])
  t.equal(troupe.mapper.push('/mock/echo', 'to all', 'all'), true)
  await troupe.sim.run(1_000)
  t.equal(troupe.mocks.filter(({ seen }) => seen.some(({ payload }) => payload === 'to all')).length, 3)
  t.equal(troupe.mapper.pending, 0)
})

t.test('an action that throws is told of in the result and to on_exception, and the agent lives on', async (t) => {
  const told: unknown[] = []
  class Careful extends Mock {
    static on_exception = (method: string, { payload }: Deliverable, error: Error): void => {
      told.push([method, payload, error.message])
    }
  }
  class Named extends Mock {
    static on_exception = 'oops'
    oops(method: string, deliverable: Deliverable, error: Error): never {
      told.push([this instanceof Named, method, deliverable.type, error.message])
      throw new Error('and again')
    }
  }
  const troupe = await Troupe.of(1)
  troupe.agent(0).register(new Careful()).register(new Named())
  await troupe.sim.run(100)
  const [name] = [troupe.name(0)]
  const { results, job } = await troupe.answer('/careful/boom', 'no such thing')
  t.strictSame(results, { [name]: 'Dispatch Error: no such thing' })
  t.match(job.errors[name], { name: 'RangeError', message: 'no such thing' })
  t.strictSame((await troupe.answer('/named/boom', 'more')).results, { [name]: 'Dispatch Error: more' })
  t.strictSame(told, [['boom', 'no such thing', 'no such thing'], [true, 'boom', '/named/boom', 'more']])
  t.strictSame((await troupe.answer('/careful/list')).results, { [name]: [1, 2, 3] })
})

t.test('intermediate results come by key, before the result', async (t) => {
  const troupe = await Troupe.of(1)
  const told: unknown[][] = []
  const { results, job } = await troupe.answer('/mock/yields', '', {
    intermediate_handler: {
      testkey: (state: unknown, { type }: Job) => told.push(['testkey', state, type]),
      '*': (key: string, agent: string, state: unknown) => told.push([key, agent, state]),
    },
  })
  const [name] = [troupe.name(0)]
  t.strictSame(told, [0, 1, 2].flatMap((i) => [
    ['random', name, i], ['testkey', i, '/mock/yields'], ['defaultkey', name, i],
  ]))
  t.strictSame(results, { [name]: 'done' })
  t.strictSame(job.intermediate_state[name], { random: [0, 1, 2], testkey: [0, 1, 2], defaultkey: [0, 1, 2] })
  t.equal(job.intermediateState, job.intermediate_state)
})

t.test('offline_failsafe keeps what nobody can do until somebody can', async (t) => {
  const troupe = await Troupe.of(1)
  class Later extends Actor {
    static expose = ['run']
    run(payload: unknown): unknown {
      return payload
    }
  }
  const { token, outcomes } = troupe.ask('/later/run', 'kept', { offline_failsafe: true })
  t.equal(token, 'offline')
  t.equal(troupe.mapper.push('/later/run', 1, { offlineFailsafe: true }), 'offline')
  t.equal(troupe.mapper.push('/later/run', 1, { offlineFailsafe: false }), false)
  await troupe.sim.run(60_000)
  t.strictSame(outcomes, [])
  t.equal(troupe.mapper.pending, 2)
  troupe.agent(0).register(new Later())
  await troupe.sim.run(10_100)
  t.strictSame(outcomes.map(({ results }) => results), [{ [troupe.name(0)]: 'kept' }])
  t.equal(troupe.mapper.pending, 0)

  const timed = troupe.ask('/never/run', '', { offline_failsafe: true, timeout: 5_000, target: 'x' })
  await troupe.sim.run(5_100)
  t.strictSame(timed.outcomes[0]?.job.missing, [{ agent: 'x', reason: 'ERR_TIMEOUT' }])
})

t.test('what waits offline is done as soon as an agent joins', async (t) => {
  const troupe = await Troupe.of(1, undefined, { offline_failsafe: true, offline_redelivery_frequency: 1_000 })
  const { token, outcomes } = troupe.ask('/mock/list', '', { tags: ['new'] })
  t.equal(token, 'offline')
  const peer = troupe.sim.add()
  new Agent(peer, { tags: ['new'] }).register(new Mock())
  await troupe.sim.run(3_000)
  t.strictSame(outcomes.map(({ results }) => results), [{ [peer.name]: [1, 2, 3] }])
})

t.test('any number of mappers, on one peer or several: each hears of its own results', async (t) => {
  const troupe = await Troupe.of(3)
  const mappers = [troupe.mapper, new Mapper(troupe.peer(3)), new Mapper(troupe.peer(0)), new Mapper(troupe.sim.add())]
  mappers.push(...Array.from({ length: 20 }, () => new Mapper(troupe.peer(3))))
  await troupe.sim.run(2_000)
  const ask = (i: number): ReturnType<Troupe['ask']> => troupe.ask('/mock/echo', i, 'random', mappers[i % 24])
  const asked = Array.from({ length: 240 }, (_, i) => ({ i, ...ask(i) }))
  await troupe.sim.run(1_000)
  for (const { i, token, outcomes } of asked) {
    t.equal(outcomes.length, 1)
    t.strictSame(Object.values(outcomes[0]?.results ?? {}), [i])
    t.equal(outcomes[0]?.job.token, token)
  }
  t.equal(new Set(asked.map(({ token }) => token)).size, 240)
  t.strictSame(troupe.sim.violations, [])
})

t.test('who is not authorised is answered Denied, or what the agent says, and nothing is done', async (t) => {
  const troupe = await Troupe.of(2)
  const seen: unknown[] = []
  troupe.agent(0).register_security({
    authorize({ type, payload, from, token }) {
      seen.push({ type, payload, from, token })
      return payload !== 'forbidden'
    },
  })
  troupe.agent(1).registerSecurity(async () => {
    throw new Error('cannot tell')
  }, { no: true })
  const [first, second] = [troupe.name(0), troupe.name(1)]
  const denied = await troupe.answer('/mock/echo', 'forbidden', 'all')
  t.strictSame(denied.results, { [first]: 'Denied', [second]: { no: true } })
  t.strictSame(troupe.mocks.flatMap(({ seen }) => seen), [])
  t.strictSame(seen, [{ type: '/mock/echo', payload: 'forbidden', from: troupe.name(2), token: denied.job.token }])
  t.strictSame((await troupe.answer('/mock/echo', 'fine', { target: first })).results, { [first]: 'fine' })
})

t.test('an agent that stops finishes what runs and takes nothing new', async (t) => {
  const told: string[] = []
  const unregister = (identity: string): void => void told.push(identity)
  const troupe = await Troupe.of(2, undefined, { callbacks: { unregister } })
  const [first, second] = [troupe.name(0), troupe.name(1)]
  const running = troupe.ask('/mock/late', 2_000, { target: first })
  await troupe.sim.run(100)
  let isStopped = false
  void troupe.agent(0).stop().then(() => (isStopped = true))
  // on its way before anybody can know
  const surprised = troupe.ask('/mock/echo', 'new', { selector: () => first })
  await troupe.sim.run(1_000)
  t.strictSame(surprised.outcomes[0]?.job.missing, [{ agent: first, reason: 'ERR_DRAINING' }])
  t.strictSame(Object.keys((await troupe.answer('/mock/list', '', 'all')).results), [second])
  t.strictSame(told, [first])
  t.equal(isStopped, false)
  await troupe.sim.run(1_000)
  t.strictSame(running.outcomes[0]?.results, { [first]: 'at last' })
  t.equal(isStopped, true)
  t.strictSame(troupe.mocks[0]?.seen, [])
  t.strictSame(troupe.peer(0).keys(), [])
})

t.test('who turns a request away is not the end of it: another agent does it', async (t) => {
  const troupe = await Troupe.of(2, (i) => ({ status_proc: () => i }))
  void troupe.agent(0).stop()
  const { outcomes } = troupe.ask('/mock/list')
  await troupe.sim.run(100)
  t.strictSame(outcomes[0]?.results, { [troupe.name(1)]: [1, 2, 3] })
})

t.test('the token is there before the callback, always', async (t) => {
  const troupe = await Troupe.of(1)
  const local = new Mapper(troupe.peer(0))
  for (const mapper of [troupe.mapper, local]) {
    // as the seed has it: kick off, store the token, poll
    const jobs = new Map<string, unknown>()
    for (let i = 0; i < 50; i++) {
      const token = mapper.request('/mock/echo', i, 'least_loaded', (results, { token: done }) => {
        t.equal(jobs.get(done), 'pending')
        jobs.set(done, Object.values(results)[0])
      })
      jobs.set(token as string, 'pending')
    }
    await troupe.sim.run(100)
    t.strictSame([...jobs.values()], Array.from({ length: 50 }, (_, i) => i))
  }
})

t.test('the same seed gives the same run', async (t) => {
  const run = async (): Promise<string> => {
    const troupe = await Troupe.of(3, undefined, undefined, { loss: 0.05 })
    for (let i = 0; i < 20; i++) troupe.ask('/mock/echo', i, i % 2 === 0 ? 'random' : 'least_loaded')
    await troupe.sim.run(2_000)
    return troupe.sim.trace
  }
  t.equal(await run(), await run())
})
