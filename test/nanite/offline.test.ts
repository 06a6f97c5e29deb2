import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Telepathine } from '../../lib/index.js'
import { Actor, Agent, Mapper, type AgentOptions, type Job, type MapperOptions } from '../../lib/nanite/index.js'
import { openQueue } from '../../lib/work/index.js'
import { until } from '../fixtures/until.js'

class Mock extends Actor {
  static expose = ['echo', 'boom', 'steps']

  echo(payload: unknown): unknown {
    return payload
  }

  boom(payload: string): never {
    throw new RangeError(payload)
  }

  *steps(): Generator<number, string> {
    yield 1
    return 'done'
  }
}

/** A folder for queues, and peers that go at the end of the test. */
async function stage(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'telepathine-nanite-'))
  const ends: (() => Promise<unknown>)[] = []
  t.teardown(async () => {
    for (const end of ends.toReversed()) await end()
    await rm(folder, { recursive: true, force: true })
  })
  const peer = async (seeds: readonly string[] = []) => {
    const queue = await openQueue(`file://${folder}`)
    const peer = await new Telepathine(0, [...seeds]).start().ready()
    ends.push(() => peer.stop(), () => queue.close())
    return { peer, queue }
  }
  return {
    async mapper(options: MapperOptions = {}) {
      const { peer: own, queue } = await peer()
      const mapper = new Mapper(own, { queue, ...options })
      ends.push(() => mapper.stop())
      return mapper
    },
    async agent(seed: string, options: AgentOptions = {}) {
      const { peer: own, queue } = await peer([seed])
      const agent = new Agent(own, { queue, ...options })
      agent.register(new Mock())
      ends.push(() => agent.stop({ grace: 0 }))
      return agent
    },
  }
}

/** What a request is called back with. */
function outcome(mapper: Mapper, type: string, payload: unknown, options: object): Promise<[object, Job]> {
  return new Promise((resolve) => {
    mapper.request(type, payload, options, (results: object, job: Job) => resolve([results, job]))
  })
}

t.test('what is persistent waits in the queue for an agent, and is called back once', async (t) => {
  const { mapper: newMapper, agent: newAgent } = await stage(t)
  const mapper = await newMapper({ persistent: true })
  const [echoed, steps] = [outcome(mapper, '/mock/echo', { a: 1 }, {}), outcome(mapper, '/mock/steps', null, {})]
  t.equal(mapper.push('/mock/echo', 'pushed'), true)
  const agent = await newAgent(mapper.identity)
  const [results, job] = await echoed
  t.strictSame(results, { [agent.identity]: { a: 1 } })
  t.strictSame(job.missing, [])
  t.strictSame((await steps)[0], { [agent.identity]: 'done' })
  await until(() => mapper.pending === 0)
})

t.test('what an action throws is its answer there, too', async (t) => {
  const { mapper: newMapper, agent: newAgent } = await stage(t)
  const mapper = await newMapper()
  const agent = await newAgent(mapper.identity)
  const [results, job] = await outcome(mapper, '/mock/boom', 'no such thing', { persistent: true })
  t.strictSame(results, { [agent.identity]: 'Dispatch Error: no such thing' })
  t.match(job.errors[agent.identity], { name: 'RangeError' })
})

t.test('what nobody can do and is offline_failsafe outlives its mapper', async (t) => {
  const { mapper: newMapper, agent: newAgent } = await stage(t)
  const first = await newMapper()
  const stopped = new Promise<Job>((resolve) => {
    t.equal(first.request('/mock/echo', 'kept', { offline_failsafe: true }, (_, job) => resolve(job)), 'offline')
  })
  await new Promise((resolve) => setTimeout(resolve, 50))
  await first.stop()
  t.strictSame((await stopped).missing, [{ agent: '', reason: 'ERR_STOPPED' }])
  const second = await newMapper()
  const agent = await newAgent(second.identity)
  // both are taken in order
  t.strictSame((await outcome(second, '/mock/echo', 'later', { persistent: true }))[0], { [agent.identity]: 'later' })
})

t.test('a time that is over, and what makes no sense', async (t) => {
  const { mapper: newMapper } = await stage(t)
  const mapper = await newMapper()
  const [, job] = await outcome(mapper, '/mock/echo', 1, { persistent: true, timeout: 50 })
  t.strictSame(job.missing, [{ agent: '', reason: 'ERR_TIMEOUT' }])
  const persistent = { persistent: true }
  t.throws(() => mapper.request('/mock/echo', 1, { ...persistent, target: 'x' }), { code: 'ERR_OPTION' })
  t.throws(() => mapper.push('/mock/echo', 1, { ...persistent, tags: ['x'] }), { code: 'ERR_OPTION' })
  const peer = await new Telepathine(0).start().ready()
  t.teardown(() => peer.stop())
  const bare = new Mapper(peer)
  t.teardown(() => bare.stop())
  t.throws(() => bare.request('/mock/echo', 1, persistent), { code: 'ERR_OPTION', message: /openQueue/ })
})
