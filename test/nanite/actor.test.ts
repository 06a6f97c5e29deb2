import t from 'tap'
import { Actor, isActor, isActorClass, type Exposed } from '../../lib/nanite/index.js'
import { Mock, Troupe } from './fixtures/troupe.js'

class Caller extends Actor {
  static expose: Exposed<Caller> = ['ask', 'nobody', 'tell']

  ask(payload: number): Promise<unknown> {
    return new Promise((resolve) => this.request('/mock/echo', payload + 1, 'all', (results) => resolve(results)))
  }

  nobody(): Promise<unknown> {
    return new Promise((resolve) => t.equal(this.request('/nobody/knows', resolve), false))
  }

  tell(payload: unknown): unknown {
    return this.push('/mock/echo', payload)
  }
}

t.test('an action calls on other actors', async (t) => {
  const troupe = await Troupe.of(2)
  troupe.agent(0).register(new Caller())
  // asking for its mapper before makes it look around, as a mapper that has just begun knows nobody
  t.equal(troupe.agent(0).mapper, troupe.agent(0).mapper)
  await troupe.sim.run(100)
  const { results } = await troupe.answer('/caller/ask', 41)
  t.strictSame(results, { [troupe.name(0)]: { [troupe.name(0)]: 42, [troupe.name(1)]: 42 } })
  t.strictSame((await troupe.answer('/caller/nobody')).results, { [troupe.name(0)]: null })
  t.strictSame((await troupe.answer('/caller/tell', 'pushed')).results, { [troupe.name(0)]: true })
  await troupe.sim.run(100)
  t.ok(troupe.mocks.some(({ seen }) => seen.some(({ payload }) => payload === 'pushed')))
})

t.test('an action has no more time than the request that it serves, and ends with it', async (t) => {
  const troupe = await Troupe.of(2)
  const ended: unknown[] = []
  class Nested extends Actor {
    static expose: Exposed<Nested> = ['run']
    run(): Promise<unknown> {
      return new Promise((resolve) => {
        const how = { target: troupe.name(1), timeout: 60_000 }
        this.request('/mock/late', 10_000, how, (_, job) => {
          ended.push(job?.missing)
          resolve('too late')
        })
      })
    }
  }
  troupe.agent(0).register(new Nested())
  await troupe.sim.run(100)
  const { job } = await troupe.answer('/nested/run', '', { timeout: 500 })
  await troupe.sim.run(100)
  t.strictSame(job.missing, [{ agent: troupe.name(0), reason: 'ERR_TIMEOUT' }])
  t.match(ended, [[{ agent: troupe.name(1), reason: /ERR_(TIMEOUT|ABORTED)/ }]])
})

t.test('an actor that is registered with no agent cannot ask', async (t) => {
  t.throws(() => new Caller().request('/mock/list'), { code: 'ERR_STOPPED', message: /^Caller is registered with no/ })
  t.throws(() => new Caller().push('/mock/list'), { code: 'ERR_STOPPED' })
})

t.test('actors and their classes are known for what they are', async (t) => {
  t.ok(isActor(new Mock()))
  t.ok(isActorClass(Mock))
  for (const none of [Mock, {}, null, undefined, 'Mock', () => undefined]) t.notOk(isActor(none))
  for (const none of [Actor, new Mock(), Date, {}, null, () => undefined]) t.notOk(isActorClass(none))
})
