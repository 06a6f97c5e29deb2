import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Slot, type SlotOwner } from '../../lib/apps/slot.js'
import type { Store } from '../../lib/apps/store.js'
import type { Supply } from '../../lib/apps/supply.js'
import type { Standing, Want } from '../../lib/apps/wants.js'
import type { Dispatcher, Handler } from '../../lib/work/index.js'
import { tempFolder } from './fixtures/archive.js'
import { writeFiles } from './fixtures/hosts.js'

/** Answers whatever it is asked, but for one thing. */
const echo = (tag: string) => `process.on('message', (task) => {
  if (task !== 'say nothing') process.send({ tag: '${tag}', pid: process.pid })
})`
let orders = 0
const order = (more: Partial<Want> = {}): Want => {
  const name = (++orders).toString(16).padStart(16, '0')
  return { run: true, order: name, at: orders, peers: undefined, hash: undefined, version: undefined, ...more }
}

/**
 * A slot with apps of its own: versions 1, 2 … lie in folders of these names, and are wanted by the hash `'1'`, `'2'` …
 */
async function slotFor(t: Test, programs: Readonly<Record<string, string>>, turn?: SlotOwner['turn']) {
  const folder = await tempFolder(t)
  for (const [version, text] of Object.entries(programs)) await writeFiles(folder, { [`${version}/w.js`]: text })
  const standings: Standing[] = []
  const looks = new Set<() => void>()
  let handler: Handler | undefined
  const work: Pick<Dispatcher, 'serve'> = {
    serve: (_, serving) => {
      handler = serving
      return async () => void (handler = undefined)
    },
  }
  const keptOf = (version: string) => ({
    hash: version,
    manifest: { app: 'zoo', version: Number(version), sha256: version },
    signed: { text: '', signature: '' },
  })
  const store = {
    find: (hash: string) => keptOf(hash),
    versions: () => [],
    unpacked: async ({ sha256 }: { sha256: string }) => join(folder, sha256),
    keep: async () => undefined,
  }
  const supply = { get: async (hash: string) => keptOf(hash) }
  const owner: SlotOwner = {
    work: work as Dispatcher,
    store: store as unknown as Store,
    supply: supply as unknown as Supply,
    folder,
    variables: [],
    holders: () => [],
    turn: turn ?? (async () => false),
    stands: (_, standing) => {
      standings.push(standing)
      for (const look of looks) look()
    },
    news: () => undefined,
    printed: () => undefined,
    refused: () => undefined,
  }
  const slot = new Slot('zoo/w', order(), owner)
  t.teardown(() => slot.close())
  const stands = (test: (standing: Standing) => boolean): Promise<void> => new Promise(resolve => {
    const look = (): void => {
      if (!test(slot.standing)) return
      looks.delete(look)
      resolve()
    }
    looks.add(look)
    look()
  })
  const call = { streams: false, signal: new AbortController().signal, emit: async () => undefined }
  const ask = async (task: unknown = 0) =>
    await handler?.(task as never, call as never) as { tag: string, pid: number } | undefined
  return { slot, standings, stands, ask }
}

const running = (want: Want) => (at: Standing): boolean => at.order === want.order && at.state === 'running'

t.test('of orders that come in a row the last is followed', async t => {
  const { slot, standings, stands, ask } = await slotFor(t, { 1: echo('1'), 2: echo('2'), 3: echo('3') })
  const wants = ['1', '2', '3'].map(hash => order({ hash, version: Number(hash) }))
  for (const want of wants) slot.aim(want, true)
  const [, , last = order()] = wants
  await stands(running(last))
  t.match(await ask(), { tag: '3' })
  t.strictSame(standings.filter(({ state }) => state === 'running').map(({ order: of }) => of), [last.order])
  const halt = order({ run: false })
  slot.aim(halt, false)
  t.equal(slot.standing.order, last.order, 'the order is not followed yet')
  await stands(at => at.order === halt.order)
  t.match(slot.standing, { state: 'stopped' })
  t.equal(await ask(), undefined)
})

t.test('what ran before is never taken for the outcome of an order', async t => {
  const { slot, standings, stands, ask } = await slotFor(t, { 1: echo('1'), 2: 'throw new Error("bad")' })
  const good = order({ hash: '1' })
  slot.aim(good, true)
  await stands(running(good))
  const before = await ask()
  const bad = order({ hash: '2' })
  slot.aim(bad, true)
  t.match(slot.standing, { order: bad.order, state: 'starting' })
  await stands(({ state }) => state === 'failed')
  t.match(slot.standing, { order: bad.order, error: /bad/, tried: true, version: 1 })
  t.match(await ask(), { pid: before?.pid }, 'it still runs')
  // lost when its end is known; what is asked before that would be lost as well
  const lost = t.rejects(ask('say nothing'), { code: 'ERR_PEER_LOST' })
  process.kill(before?.pid ?? 0, 'SIGKILL')
  await lost
  t.not((await ask())?.pid, before?.pid, 'and comes back after a crash')
  t.match(slot.standing, { order: bad.order, state: 'failed', error: /bad/ })
  t.notOk(standings.some(running(bad)))
})

t.test('a peer that waits for its turn gives it up when another order comes', async t => {
  const aborted: string[] = []
  const { slot, stands, ask } = await slotFor(t, { 1: echo('1'), 2: echo('2') }, (_, want, signal) => {
    if (want.hash === '2') return Promise.resolve(false)
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => {
      aborted.push(want.order)
      reject(signal.reason as Error)
    }))
  })
  const [waits, goes] = [order({ hash: '1' }), order({ hash: '2' })]
  slot.aim(waits, true)
  await stands(({ state }) => state === 'ready')
  slot.aim(goes, true)
  await stands(running(goes))
  t.strictSame(aborted, [waits.order])
  t.match(await ask(), { tag: '2' })
})

t.test('the same order again changes nothing; not being chosen any more does', async t => {
  const { slot, standings, stands, ask } = await slotFor(t, { 1: echo('1') })
  const want = order({ hash: '1' })
  slot.aim(want, true)
  await stands(running(want))
  const count = standings.length
  slot.aim({ ...want }, true)
  t.equal(standings.length, count)
  t.ok(slot.isInUse)
  t.equal(slot.archive, '1')
  slot.aim(want, false)
  await stands(({ state }) => state === 'stopped')
  t.equal(await ask(), undefined)
  t.notOk(slot.isInUse)
  t.equal(slot.archive, undefined)
})
