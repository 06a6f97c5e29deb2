import t from 'tap'
import { Ledger } from '../../lib/queue/ledger.js'
import { type Transactions, Writer } from '../../lib/queue/writer.js'
import { MemoryTable } from './fixtures/memory.js'

/** A store that gives up as many transactions as it is told to, at their end, as LMDB does. */
class Store implements Transactions {
  readonly table = new MemoryTable()
  readonly ledger = new Ledger(this.table)
  /** How many transactions came to an end. */
  committed = 0
  failing = 0

  async transaction(act: () => void): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve))
    const before = this.table.copy()
    act()
    if (this.failing === 0) return this.committed++
    this.failing--
    this.table.restore(before)
    const commitError = Promise.reject(Object.assign(new Error('MDB_NOTFOUND'), { code: -30_798 }))
    throw Object.assign(new Error('Commit failed'), { commitError })
  }
}

const job = (token: string) => {
  return { token, service: 's', bytes: new Uint8Array(1), delayMs: 0, priority: 0, isKeyed: false }
}

t.test('what is asked for in one turn, and while a transaction is under way, goes into one', async (t) => {
  const store = new Store()
  const writer = new Writer(store, store.ledger, () => undefined)
  const add = (token: string) => writer.write((ledger, now) => ledger.add(job(token), now))
  const first = add('a').then(() => add('d'))
  await Promise.all([add('b'), add('c'), first])
  t.equal(store.committed, 2)
  const late: Promise<boolean>[] = []
  await Promise.all([add('e'), writer.write(() => void late.push(add('f'), add('g')))])
  await Promise.all(late)
  t.equal(store.committed, 4)
  t.strictSame(store.ledger.depths().map(({ waiting }) => waiting), [7])
})

t.test('what is to be last is, whenever it was asked for', async (t) => {
  const store = new Store()
  const writer = new Writer(store, store.ledger, () => undefined)
  const order: string[] = []
  await Promise.all([
    writer.writeLast(() => order.push('last')), writer.write(() => order.push('first')),
    writer.write(() => order.push('second')),
  ])
  t.strictSame(order, ['first', 'second', 'last'])
})

t.test('a transaction that was given up is tried once more, from where it began', async (t) => {
  const store = new Store()
  const heard: string[][] = []
  const writer = new Writer(store, store.ledger, (news) => heard.push([...news]))
  store.failing = 1
  let runs = 0
  const isNew = await writer.write((ledger, now, news) => {
    runs++
    news.add(`run ${runs}`)
    return ledger.add(job('a'), now)
  })
  t.equal(isNew, true)
  t.equal(runs, 2)
  t.strictSame(heard, [['run 2']])
  t.strictSame(store.ledger.depths().map(({ waiting }) => waiting), [1], 'it is counted once')
  t.equal(store.ledger.take('s', 'me', 5).length, 1, 'and there once')
})

t.test('one that is given up again is rejected with its cause, told to nobody, and in the way of none', async (t) => {
  const store = new Store()
  const heard: string[][] = []
  const writer = new Writer(store, store.ledger, (news) => heard.push([...news]))
  store.failing = 2
  const add = () => writer.write((ledger, now, news) => {
    news.add('job s')
    return ledger.add(job('a'), now)
  })
  await t.rejects(add(), { code: 'ERR_QUEUE', message: /cannot be written: Error: MDB_NOTFOUND/ })
  t.strictSame(heard, [])
  t.strictSame(store.ledger.depths(), [])
  t.equal(await add(), true)
  t.strictSame(heard, [['job s']])
  t.strictSame(store.ledger.depths().map(({ waiting }) => waiting), [1])
})

t.test('a step that throws fails alone', async (t) => {
  const store = new Store()
  const writer = new Writer(store, store.ledger, () => undefined)
  const failing = writer.write(() => {
    throw new RangeError('mine')
  })
  const other = writer.write((ledger, now) => ledger.add(job('a'), now))
  await t.rejects(failing, { message: 'mine' })
  t.equal(await other, true)
  t.equal(store.committed, 1)
})

t.test('after its end nothing is written, and what is under way is waited for', async (t) => {
  const store = new Store()
  const writer = new Writer(store, store.ledger, () => undefined)
  const add = (token: string) => writer.write((ledger, now) => ledger.add(job(token), now))
  const added = add('a')
  await new Promise((resolve) => setImmediate(resolve))
  const late = t.rejects(add('b'), { code: 'ERR_QUEUE', message: /was closed/ })
  await writer.end()
  await late
  t.equal(await added, true)
  await t.rejects(add('c'), { code: 'ERR_QUEUE', message: /was closed/ })
  t.equal(store.committed, 1)
})

t.test('when the store is broken, all that is asked for is refused, and nothing waits for it', async (t) => {
  let asked = 0
  const transaction = async (): Promise<never> => {
    asked++
    throw Object.assign(new Error('Input/output error'), { code: 5 })
  }
  const writer = new Writer({ transaction }, new Ledger(new MemoryTable()), () => undefined)
  await t.rejects(writer.write(() => 1), { code: 'ERR_QUEUE', message: /output/ })
  await t.rejects(writer.write(() => 2), { code: 'ERR_QUEUE', message: /output/ })
  t.equal(asked, 1)
  t.match(await writer.failed, { code: 'ERR_QUEUE', message: /output/ })
})
