import t from 'tap'
import { Agent, Mapper } from '../../lib/nanite/index.js'
import { agentSettings, camel, mapperSettings, requestArguments } from '../../lib/nanite/options.js'
import { Simulation } from '../../simulation/index.js'
import { Mock, Troupe } from './fixtures/troupe.js'

t.test('names in snake_case and in camelCase stand for the same', async (t) => {
  t.match(agentSettings({ ping_time: 2, file_root: 'x', max_file_bytes: 5 }), {
    pingMs: 2_000, fileRoot: 'x', maxFileBytes: 5,
  })
  t.strictSame(agentSettings({ pingTime: 2, fileRoot: 'x' }), agentSettings({ ping_time: 2, file_root: 'x' }))
  t.match(agentSettings({}), { pingMs: 15_000, tags: [], prefetch: 256, maxFileBytes: 64 * 1024 * 1024 })
  t.match(mapperSettings({}), {
    agentTimeoutMs: 15_000, offlineFailsafe: false, redeliveryMs: 10_000, timeoutMs: 30_000,
  })
  t.match(mapperSettings({ timeout: 0 }), { timeoutMs: Infinity })
  t.throws(() => camel({ a_b: 1, aB: 2 }, ['aB']), { code: 'ERR_OPTION', message: 'option a_b is given twice' })
})

t.test('what goes between type and callback may be left out', async (t) => {
  const callback = (): void => undefined
  const selector = (): void => undefined
  t.strictSame(requestArguments([]), { payload: '', how: undefined, callback: undefined })
  t.strictSame(requestArguments([callback]), { payload: '', how: undefined, callback })
  t.strictSame(requestArguments([null, callback]), { payload: null, how: undefined, callback })
  t.strictSame(requestArguments([1, 'all', callback]), { payload: 1, how: 'all', callback })
  t.strictSame(requestArguments([1, selector, callback]), { payload: 1, how: selector, callback })
  t.strictSame(requestArguments([1, undefined, callback]), { payload: 1, how: undefined, callback })
  t.strictSame(requestArguments([1, { target: 'x' }, undefined]), {
    payload: 1, how: { target: 'x' }, callback: undefined,
  })
})

const [peer] = new Simulation({ peers: 1 }).peers

const wrong: readonly object[] = [
  { ping_time: 0 }, { ping_time: '1' }, { ping_time: NaN }, { pingTime: 1e9 }, { status_proc: 5 }, { tags: 'a' },
  { tags: [5] }, { prefetch: 0 }, { file_root: 5 }, { max_file_bytes: -1 }, { nonsense: 1 },
]
for (const options of wrong) {
  t.test(`an agent refuses ${JSON.stringify(options)}`, async (t) => {
    t.throws(() => new Agent(peer as never, options), { code: 'ERR_OPTION' })
  })
}

for (const options of [
  { agent_timeout: 0 }, { offline_failsafe: 1 }, { offline_redelivery_frequency: -1 }, { timeout: -1 },
  { callbacks: { register: 5 } }, { callbacks: { other: () => undefined } }, { callbacks: 5 }, { persistent: 1 },
]) {
  t.test(`a mapper refuses ${JSON.stringify(options)}`, async (t) => {
    t.throws(() => new Mapper(peer as never, options as object), { code: 'ERR_OPTION' })
  })
}

for (const how of [
  'best', 5, { selector: 'best' }, { selector: 'constructor' }, { target: 5 }, { tags: 'a' }, { tags: { some: [] } },
  { timeout: NaN }, { intermediate_handler: 5 }, { intermediate_handler: { a: 5 } }, { nonsense: 1 },
]) {
  t.test(`a request refuses ${JSON.stringify(how)}`, async (t) => {
    const mapper = new Mapper(peer as never)
    t.throws(() => mapper.request('/a/b', '', how as 'rr'), { code: 'ERR_OPTION' })
    await mapper.stop()
  })
}

t.test('what is no peer is refused, and a second agent of one peer too', async (t) => {
  for (const none of [undefined, null, {}, 'peer', 9000]) {
    t.throws(() => new Agent(none as never), { code: 'ERR_OPTION', message: /^peer: .* a Telepathine$/ })
    t.throws(() => new Mapper(none as never), { code: 'ERR_OPTION', message: /^peer: / })
  }
  const troupe = await Troupe.of(1)
  t.throws(() => new Agent(troupe.peer(0)), { code: 'ERR_BUSY' })
  await troupe.agent(0).stop()
  new Agent(troupe.peer(0)).register(new Mock())
  await troupe.sim.run(10_000)
  const { results } = await troupe.answer('/mock/list')
  t.strictSame(results, { [troupe.name(0)]: [1, 2, 3] }, 'after a stop there may be another')
})

t.test('agents refuse what is no status, tag or security', async (t) => {
  const { agents: [agent] } = await Troupe.of(1)
  t.throws(() => agent?.tag(5 as never), { code: 'ERR_OPTION' })
  t.throws(() => {
    if (agent) agent.status_proc = 5 as never
  }, { code: 'ERR_OPTION' })
  for (const none of [undefined, null, {}, 5]) {
    t.throws(() => agent?.register_security(none as never), { code: 'ERR_OPTION' })
  }
  t.throws(() => agent?.stop({ grace: -1 }), { code: 'ERR_OPTION' })
})
