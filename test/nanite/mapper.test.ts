import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Telepathine } from '../../lib/index.js'
import { Agent, Mapper } from '../../lib/nanite/index.js'
import { Simulation } from '../../simulation/index.js'
import { Script } from '../fixtures/script.js'
import { Mock, Troupe } from './fixtures/troupe.js'

const agentPath = join(import.meta.dirname, 'fixtures/agent.ts')
const patienceMs = 40_000

t.setTimeout(180_000)

t.test('agents are killed and come back under load: each request has one outcome, in its time', async (t) => {
  const agents = 20
  const seconds = 6
  const sim = new Simulation({ peers: agents + 2 })
  const begin = (i: number): void => void new Agent(sim.peers[i] as Telepathine, { ping_time: 1 }).register(new Mock())
  for (let i = 0; i < agents; i++) begin(i)
  const mappers = [agents, agents + 1].map((i) => new Mapper(sim.peers[i] as Telepathine, { timeout: 2_000 }))
  await sim.run(3_000)
  const outcomes: number[] = []
  const codes = new Map<string, number>()
  let answered = 0
  let latestMs = 0
  const ask = (i: number): void => {
    const n = outcomes.push(0) - 1
    const askedMs = sim.now()
    const selector = (['least_loaded', 'random', 'rr'] as const)[i % 3]
    const token = mappers[i % 2]?.request('/mock/echo', n, selector, (results, { missing }) => {
      outcomes[n] = (outcomes[n] ?? 0) + 1
      latestMs = Math.max(latestMs, sim.now() - askedMs)
      for (const result of Object.values(results)) if (result === n) answered++
      for (const { reason } of missing) codes.set(reason, (codes.get(reason) ?? 0) + 1)
    })
    if (token === false) t.fail('there is always somebody')
  }
  for (let second = 0; second < seconds; second++) {
    for (let ms = 0; ms < 1_000; ms += 10) {
      if (ms === 100) sim.crash(second % agents)
      if (ms === 600) {
        sim.restart(second % agents)
        begin(second % agents)
      }
      for (let i = 0; i < 10; i++) ask(i)
      await sim.run(10)
    }
  }
  await sim.run(3_000)
  t.equal(outcomes.length, seconds * 1_000)
  t.strictSame([...new Set(outcomes)], [1], 'none twice, none not at all')
  t.equal(answered + [...codes.values()].reduce((sum, count) => sum + count, 0), outcomes.length)
  t.ok(latestMs <= 2_010, `${latestMs} ms`)
  t.ok(answered > outcomes.length * 0.99, `${answered} answered, ${JSON.stringify([...codes])}`)
  t.comment(`${answered} of ${outcomes.length} answered`, [...codes])
  for (const mapper of mappers) t.equal(mapper.pending, 0)
})

t.test('a process that is killed is missing, not chosen, and chosen again when it is back', async (t) => {
  const peer = await new Telepathine(0).start().ready()
  t.teardown(() => peer.stop())
  const mapper = new Mapper(peer)
  const other = new Mapper(await follower(t, peer))
  const first = await agent(t, 0, peer)
  const second = await agent(t, 0, peer)
  for (const each of [mapper, other]) await reaches(each, 2)
  const ask = (how: object, payload: unknown = '', each = mapper): Promise<[Record<string, unknown>, unknown]> =>
    new Promise((resolve) => {
      const token = each.request('/mock/late', payload, how, (results, { missing }) => resolve([results, missing]))
      t.match(token, /^[0-9a-f]{32}$/)
    })

  const running = ask({ selector: 'all' }, 1_000)
  await ask({ target: first.name }, 0)
  first.child.kill('SIGKILL')
  t.strictSame(await running, [
    { [second.name]: second.child.pid }, [{ agent: first.name, reason: 'ERR_PEER_LOST' }],
  ])
  for (const each of [mapper, other]) {
    await reaches(each, 1)
    t.strictSame(Object.keys((await ask({ selector: 'all' }, 0, each))[0]), [second.name])
  }
  const again = await agent(t, Number(first.name.split(':')[1]), peer)
  t.equal(again.name, first.name)
  for (const each of [mapper, other]) {
    await reaches(each, 2)
    const [results] = await ask({ target: first.name }, 0, each)
    t.strictSame(results, { [first.name]: again.child.pid })
  }
})

t.test('a stopped mapper calls back what is under way, and takes nothing more', async (t) => {
  const troupe = await Troupe.of(1, undefined, { offline_failsafe: true })
  const running = troupe.ask('/mock/late', 5_000)
  const waiting = troupe.ask('/nobody/knows')
  await troupe.sim.run(100)
  let isStopped = false
  void troupe.mapper.stop({ grace: 1_000 }).then(() => (isStopped = true))
  await troupe.sim.run(900)
  t.strictSame(running.outcomes, [])
  await troupe.sim.run(200)
  t.ok(isStopped)
  t.strictSame(running.outcomes[0]?.job.missing, [{ agent: troupe.name(0), reason: 'ERR_STOPPED' }])
  t.strictSame(waiting.outcomes[0]?.job.missing, [{ agent: '', reason: 'ERR_STOPPED' }])
  t.throws(() => troupe.ask('/mock/list'), { code: 'ERR_STOPPED' })
  t.throws(() => troupe.mapper.push('/mock/list'), { code: 'ERR_STOPPED' })
  t.equal(troupe.mapper.pending, 0)

  const patient = new Mapper(troupe.peer(1))
  await troupe.sim.run(100)
  const late = troupe.ask('/mock/late', 500, {}, patient)
  void patient.stop({ grace: 60_000 })
  await troupe.sim.run(600)
  t.strictSame(late.outcomes[0]?.results, { [troupe.name(0)]: 'at last' })
})

t.test('an agent takes so many requests at a time, and sends on what is too much', async (t) => {
  const troupe = await Troupe.of(2, (i) => ({ prefetch: 1, status_proc: () => i }))
  let running = 0
  let most = 0
  for (const [i, mock] of troupe.mocks.entries()) {
    mock.late = async (ms) => {
      most = Math.max(most, i === 0 ? ++running : 0)
      await new Promise<void>((resolve) => troupe.peer(i).after(ms, () => resolve()))
      if (i === 0) running--
      return i
    }
  }
  const asked = Array.from({ length: 1_030 }, () => troupe.ask('/mock/late', 1))
  await troupe.sim.run(10_000)
  const by = asked.map(({ outcomes }) => Object.values(outcomes[0]?.results ?? {})[0])
  t.equal(most, 1)
  t.equal(by.filter((i) => i === 0).length, 1_025, 'one runs, 1,024 wait')
  t.equal(by.filter((i) => i === 1).length, 5, 'the others go elsewhere')
})

t.test('payloads and results are any values that peers share', async (t) => {
  const troupe = await Troupe.of(1)
  const [name] = [troupe.name(0)]
  for (const value of [undefined, null, 0, '', [], { a: [1, { b: null }] }, 'x'.repeat(1_000_000), new Date(5)]) {
    t.strictSame((await troupe.answer('/mock/echo', value)).results, { [name]: value ?? (value === null ? null : '') })
  }
  t.strictSame((await troupe.answer('/mock/nothing')).results, { [name]: undefined })
  const { job } = await troupe.answer('/mock/echo', () => undefined, {})
  t.strictSame(job.missing, [{ agent: name, reason: 'ERR_VALUE' }])
})

async function follower(t: Test, peer: Telepathine): Promise<Telepathine> {
  const another = await new Telepathine(0, [peer.name]).start().ready()
  t.teardown(() => another.stop())
  return another
}

async function agent(t: Test, port: number, peer: Telepathine): Promise<Script & { name: string }> {
  const script = new Script(t, agentPath, [String(port), peer.name])
  if (!(await script.prints((lines) => lines.length > 0, patienceMs))) throw new Error(script.stderr)
  return Object.assign(script, { name: script.lines[0] ?? '' })
}

/** Resolves once a mapper knows of so many agents. */
async function reaches(mapper: Mapper, count: number): Promise<void> {
  const until = Date.now() + patienceMs
  while (mapper.agents().length !== count) {
    if (Date.now() > until) throw new Error(`${mapper.agents().length} agents rather than ${count}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
