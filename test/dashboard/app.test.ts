import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { BrowserContextOptions, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { sampleFields, type LiveMessage } from '../../lib/http/live/protocol.js'
import type { Telepathine } from '../../lib/index.js'
import { Dispatcher, openQueue, type DispatcherOptions } from '../../lib/work/index.js'
import { Script, top } from '../fixtures/script.js'
import { ask, served } from '../http/fixtures/ask.js'
import { buildPage, complaints, openBrowser } from './fixtures/browser.js'
import { Stage } from './fixtures/stage.js'

await buildPage()
const browser = await openBrowser()
t.teardown(() => browser.close())

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Within this time after a peer knows something, its page shows it. */
const shownMs = 1_000

/** A page on a peer, with what is wrong about it. */
async function open(t: Test, { port }: { port: number }, options: BrowserContextOptions = {}) {
  const origin = `http://127.0.0.1:${port}`
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 }, ...options })
  t.teardown(() => context.close())
  const page = await context.newPage()
  const found = complaints(page, origin)
  await page.goto(origin)
  return { page, found }
}

/** A queue in a folder, until the end of the test. */
async function openFolder(t: Test): Promise<NonNullable<DispatcherOptions['queue']>> {
  const folder = await mkdtemp(join(tmpdir(), 'telepathine-page-'))
  const queue = await openQueue(`file:${folder}`)
  t.teardown(async () => {
    await queue.close()
    await rm(folder, { recursive: true, force: true })
  })
  return queue
}

/** Resolves when a peer emits something. */
function next(peer: Telepathine, event: string): Promise<void> {
  return new Promise(resolve => void peer.once(event, () => resolve()))
}

/** Resolves to the milliseconds that it takes until the text is on the page, and something else is gone. */
async function shows(page: Page, selector: string, text: string): Promise<number> {
  const began = performance.now()
  await page.locator(selector).filter({ hasText: text }).first().waitFor()
  return performance.now() - began
}

/** What axe finds wrong. */
async function flaws(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: object[] }> } }
    const { violations } = await axe.run()
    return violations as { id: string, nodes: { html: string, failureSummary: string }[] }[]
  })
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
}

t.test('all that a browser loads is less than 100 kB', async t => {
  const folder = join(top, 'dist/dashboard')
  const files = readdirSync(folder).map(name => readFileSync(join(folder, name)))
  const sum = files.reduce((bytes, file) => bytes + gzipSync(file, { level: 9 }).length, 0)
  t.ok(files.length >= 4)
  t.ok(sum < 100_000, `${sum} bytes`)
  const html = readFileSync(join(folder, 'index.html'), 'utf8')
  t.notMatch(html, /<script(?![^>]* src=)|<style| style=| on\w+=/, 'nothing in it is inline')
})

t.test('a browser whose language Intl does not know shows the page all the same', async t => {
  const a = await served(t)
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const page = await context.newPage()
  const found = complaints(page, `http://127.0.0.1:${a.port}`)
  await page.addInitScript(`Object.defineProperty(navigator, 'language', { value: 'en-US@posix', configurable: true })`)
  await page.goto(`http://127.0.0.1:${a.port}`)
  await page.locator('.peers .row').filter({ hasText: a.name }).first().waitFor()
  t.strictSame(found, [])
})

t.test('the theme is that of the system until one is chosen', async t => {
  const a = await served(t)
  const [dark, light] = ['rgb(13, 17, 23)', 'rgb(243, 245, 247)']
  for (const [colorScheme, themes] of [['dark', [dark, light, dark]], ['light', [light, light, dark]]] as const) {
    const { page, found } = await open(t, a, { colorScheme })
    await shows(page, '.verdict', 'This peer is alone')
    for (const theme of themes) {
      t.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), theme, colorScheme)
      await page.keyboard.press('t')
    }
    await page.reload()
    await shows(page, '.verdict', 'This peer is alone')
    t.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), themes[0], 'round again')
    t.strictSame(found, [])
  }
})

t.test('browsers get the dashboard, all others the plain page', async t => {
  const a = await served(t, { http: { token: 'long-secret', private: true } })
  const accept = 'text/html,application/xhtml+xml,*/*;q=0.8'
  const page = await ask(a, '/', { headers: { accept } })
  t.match(page, { status: 200, text: /<div id="app">/, headers: { vary: /accept/, 'x-frame-options': 'DENY' } })
  t.match(page.headers['content-security-policy'], /^default-src 'none'; script-src 'self'; style-src 'self';/)
  t.match(await ask(a, '/', { headers: { accept: '*/*' } }), { status: 401 }, 'it is code, and tells nothing')
  t.match(await ask(a, '/plain'), { status: 401 })
  const authorization = 'Bearer long-secret'
  t.match(await ask(a, '/', { headers: { authorization } }), { status: 200, text: /<h1>processes<\/h1>/ })
  t.match(await ask(a, '/plain', { headers: { accept, authorization } }), { text: /<h1>processes<\/h1>/ })
  const [, script = ''] = /src="([^"]+)"/.exec(page.text) ?? []
  const zipped = await ask(a, script, { headers: { 'accept-encoding': 'br, gzip' } })
  t.match(zipped.headers, { 'content-encoding': 'gzip', 'cache-control': /immutable/, 'content-type': /javascript/ })
  const whole = await ask(a, script, { headers: { 'accept-encoding': 'gzip;q=0' } })
  t.equal(whole.headers['content-encoding'], undefined)
  for (const path of ['/dashboard/index.html', '/dashboard/..%2Findex.html', '/dashboard/nothing.js']) {
    t.match(await ask(a, path), { status: 404 }, path)
  }
})

t.test('three peers: what they do is on the page at once', async t => {
  const a = await served(t)
  const b = await served(t, {}, [a.name])
  const file = join(import.meta.dirname, 'fixtures/peer.ts')
  const c = new Script(t, file, ['0', a.name])
  await c.prints(lines => lines.length > 0, 60_000)
  const [name = ''] = c.lines
  const { page, found } = await open(t, a)
  await shows(page, '.peers .row', name)
  await shows(page, '.verdict', 'All 3 peers are alive')

  const died = next(a, 'peer:stop')
  c.child.kill('SIGKILL')
  await died
  const dead = await shows(page, '.verdict.bad', `1 of 3 peers is dead: ${name}.`)
  t.ok(dead < shownMs, `death after ${dead} ms`)
  await shows(page, '.peers .row', 'dead')
  const back = next(a, 'peer:start')
  const again = new Script(t, file, [name.split(':')[1] ?? '', a.name])
  t.not(again.child.pid, c.child.pid)
  await back
  const alive = await shows(page, '.verdict.good', 'All 3 peers are alive')
  t.ok(alive < shownMs, `return after ${alive} ms`)

  await page.keyboard.press('2')
  const known = next(a, 'set')
  b.set('price:tea', { pence: 320 }, Date.now() + 3_600_000)
  await known
  const key = await shows(page, '.keys .row', 'price:tea')
  t.ok(key < shownMs, `key after ${key} ms`)
  await page.getByRole('button', { name: 'price:tea' }).click()
  await shows(page, '.value pre', '"pence": 320')
  await page.getByLabel('Find keys').fill('nothing')
  await shows(page, '.empty', 'No key fits.')

  await page.keyboard.press('Escape')
  await page.keyboard.press('3')
  const heard = new Promise<void>(resolve => a.hearOnce('order:new', () => resolve()))
  b.say('order:new', { id: 42 })
  await heard
  const event = await shows(page, '.events .row', '{"id":42}')
  t.ok(event < shownMs, `event after ${event} ms`)
  await page.getByRole('button', { name: 'Pause' }).click()
  b.say('order:paused')
  await shows(page, '.pause', 'Go on (1 new)')
  t.equal(await page.locator('.events .row', { hasText: 'order:paused' }).count(), 0)
  await page.keyboard.press('p')
  await shows(page, '.events .row', 'order:paused')
  await page.getByRole('button', { name: 'say', exact: true }).click()
  await page.locator('.events .row', { hasText: 'order:new' }).first().waitFor({ state: 'detached' })

  const work = new Dispatcher(b)
  work.serve('sum', (n: number) => n + 1)
  await page.keyboard.press('4')
  await shows(page, '.work .row', 'sum')
  await page.getByLabel('service', { exact: true }).fill('sum')
  await page.getByLabel('task: JSON or text').fill('41')
  await page.getByRole('button', { name: 'Send' }).click()
  await shows(page, 'output', '42')
  await shows(page, '.work .row', b.name)
  await work.stop()
  await a.stop()
  await shows(page, '.lost', 'The connection to this peer is lost')
  t.strictSame(found.filter(line => !/ERR_CONNECTION_REFUSED|WebSocket is closed/.test(line)), [])
})

t.test('writing takes the token where there is one', async t => {
  const a = await served(t, { http: { token: 'long-secret', private: true } })
  const { page, found } = await open(t, a)
  await shows(page, '.unlock', 'Looking here takes the token.')
  await page.getByLabel('Token').fill('wrong-secret')
  await page.keyboard.press('Enter')
  await shows(page, '.unlock', 'That token is wrong.')
  t.equal(await page.locator('.peers .row').count() > 1, false, 'nothing to see')
  await page.getByLabel('Token').fill('long-secret')
  await page.keyboard.press('Enter')
  await shows(page, '.verdict', 'This peer is alone')
  await page.keyboard.press('2')
  await page.getByLabel('key of this peer').fill('a/b ..')
  await page.getByLabel('value: JSON or text').fill('[1, 2]')
  await page.getByRole('button', { name: 'Set', exact: true }).click()
  await shows(page, '.keys .row', '[1,2]')
  t.strictSame(a.get('a/b ..'), [1, 2])
  await page.getByRole('button', { name: 'a/b ..' }).click()
  await page.getByRole('button', { name: 'Delete' }).click()
  await shows(page, '.empty', 'No key fits.')
  await page.keyboard.press('3')
  await page.getByLabel('event', { exact: true }).fill('hello')
  await page.getByRole('button', { name: 'Say', exact: true }).click()
  await shows(page, '.events .row', 'hello')
  await page.getByRole('button', { name: 'Lock', exact: true }).click()
  await shows(page, '.unlock', 'Looking here takes the token.')
  t.strictSame(found, [])
})

t.test('a queue is a view: what waits, and dead letters, which are tried again and dropped', async t => {
  const a = await served(t, { http: { token: 'long-secret' } })
  const { page, found } = await open(t, a)
  await shows(page, '.verdict', 'This peer is alone')
  t.equal(await page.getByRole('link', { name: 'queues' }).count(), 0, 'there is none yet')
  await page.keyboard.press('5')
  t.equal(await page.locator('main.cluster').count(), 1)

  const queue = await openFolder(t)
  const work = new Dispatcher(a, { queue })
  t.teardown(() => work.stop({ grace: 0 }))
  const input = { to: '<b>x</b>', text: 'x'.repeat(10_000) }
  const enqueue = (input: unknown) => work.enqueue('mail/send', input, { attempts: 1 })
  const [one, two] = await Promise.all([enqueue(input), enqueue(2)])
  await work.enqueue('report', 1, { delay: 3_600_000 })
  await page.getByRole('link', { name: 'queues' }).click()
  const row = (name: string) => page.locator('.queues .row').filter({ hasText: name })
  const cells = (name: string) => row(name).locator('.cell').allTextContents()
  await shows(page, '.queues .row', 'mail/send')
  t.strictSame([await cells('mail/send'), await cells('report')], [
    ['mail/send', '2', '0', '0', '0', ''], ['report', '0', '1', '0', '0', ''],
  ])
  let isWell = false
  work.serve('mail/send', () => {
    if (!isWell) throw new RangeError('no such \u202e address')
    return 'sent'
  }, { durable: true })
  await shows(page, '.queues .c-dead', '2')
  await page.getByRole('button', { name: 'mail/send' }).click()
  await shows(page, '.value', 'Read-only without the token')
  t.equal(await page.locator('.letters').count(), 0, 'what was to be done is not for everybody')

  await page.getByRole('button', { name: 'Unlock' }).click()
  await page.getByLabel('Token').fill('long-secret')
  await page.keyboard.press('Enter')
  await shows(page, '.letters li', one)
  const letter = page.locator('.letters li').filter({ hasText: one })
  t.match(await letter.textContent(), `ERR_HANDLER no such \\u{202e} address{"to":"<b>x</b>","text":"xxx`)
  t.match(await letter.textContent(), `from ${a.name},`)
  t.match(await letter.textContent(), /1 attempt/)
  t.ok((await letter.textContent() ?? '').length < 2_000, 'cut short')
  t.strictSame(await flaws(page), [])
  await page.getByRole('form', { name: `Discard ${two}` }).getByRole('button').click()
  await page.locator('.letters li').filter({ hasText: two }).waitFor({ state: 'detached' })
  isWell = true
  await page.getByRole('form', { name: `Retry ${one}` }).getByRole('button').click()
  // until the peer has done as it was told, the old outcome is the one that there is
  await shows(page, '.value', 'There are none.')
  t.equal(await work.outcome(one), 'sent')
  await t.rejects(work.outcome(two), { code: 'ERR_ABORTED' })

  queue.engine.depths = () => Promise.reject(new Error('the server is gone'))
  await shows(page, '.lost', 'The queue does not answer. What you see of it is')
  t.strictSame(await cells('report'), ['report', '0', '1', '0', '0', ''], 'as it was')
  await work.stop()
  await shows(page, '.empty', 'This peer has no queue.')
  await page.getByRole('link', { name: 'queues' }).waitFor({ state: 'detached' })
  t.strictSame(found, [])
})

t.test('without the token there is nothing to write with', async t => {
  const a = await served(t, { http: { token: 'long-secret' } })
  const { page } = await open(t, a)
  await shows(page, '.verdict', 'This peer is alone')
  await page.setViewportSize({ width: 1_000, height: 600 })
  for (const part of ['.signs', '.ring', '.peers', '.differences', '.chart']) {
    const { height = 0 } = await page.locator(part).first().boundingBox() ?? {}
    t.ok(height > 40, `${part} is ${height} high in a small window`)
  }
  for (const view of ['2', '3', '4']) {
    await page.keyboard.press(view)
    await page.locator('main.single').waitFor()
    t.equal(await page.locator('form.act').count(), 0)
  }
  await shows(page, '.hint', 'Read-only without the token')
  await page.getByRole('button', { name: 'Unlock' }).click()
  await page.getByLabel('Token').fill('wrong-secret')
  await page.keyboard.press('Enter')
  await shows(page, '.unlock', 'That token is wrong.')
  await shows(page, '.status', 'live')
  await page.getByLabel('Token').fill('long-secret')
  await page.keyboard.press('Enter')
  await page.locator('form.act').first().waitFor()
})

t.test('whatever comes from others is text, wherever it is shown', async t => {
  const evil = '<img src=x onerror=alert(1)><script>pwned=1</script>"\'`javascript:pwned\u202e\u0000${{'
  const key = `${evil}:1`
  const other = `${evil} other:2`
  const row = { incarnation: 1, since: 0, place: 0.3, phi: 1, version: 1, keys: 1, bytes: 1, metadata: evil }
  const counts = { concurrency: 1, inflight: 1, running: 1, waiting: 1 }
  const figures = { ...counts, calls: 1, errors: 1, refused: 1, p50: 1, p99: 1 }
  const apps = { key: evil, app: evil, peer: key, isWanted: true, state: evil, version: 1, error: evil }
  const snapshot: LiveMessage = {
    type: 'snapshot',
    version: 1,
    at: Date.now(),
    self: {
      name: key, cluster: evil, incarnation: 1, writes: 'open', mayWrite: true,
      phiThreshold: 8, heartbeatIntervalMs: 500,
    },
    tables: {
      peers: [{ ...row, key, state: 'suspect' }, { ...row, key: other, state: 'dead' }],
      rumours: [{ key: evil, by: key, about: other, verdict: 'dead', at: 0, stands: true }],
      workers: [{ key: evil, service: evil, peer: key, version: evil, tags: evil, load: evil, ...figures }],
      apps: [apps, { ...apps, key: 'failed', state: 'failed' }],
      queues: [{ key: evil, waiting: 1, delayed: null, running: null, dead: 1 }],
    },
    queue: { silentSince: 0, more: 3 },
    history: [sampleFields.map(() => 1)],
  }
  const found = { peer: key, key: evil, text: evil, bytes: 1, version: 1, expiresAt: 1 }
  const keys = { found: { want: {}, count: 1 }, set: [found] }
  const stream = [{ id: 1, at: 0, kind: 'say' as const, peer: key, name: evil, text: evil }]
  const a = await served(t)
  a.set(evil, { [evil]: evil })
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 } })
  t.teardown(() => context.close())
  const page = await context.newPage()
  const letter = { token: evil, input: evil, key: evil, from: evil, enqueuedAt: 0, attempts: 1 }
  const json = [{ ...letter, error: { code: evil, message: evil } }]
  await page.route(/\/queues\//, route => route.fulfill({ json }))
  const wrong = complaints(page, `http://127.0.0.1:${a.port}`)
  page.on('dialog', () => t.fail('a dialog came'))
  await page.routeWebSocket(/\/live$/, socket => {
    socket.onMessage(() => {
      socket.send(JSON.stringify(snapshot))
      socket.send(JSON.stringify({ type: 'delta', at: Date.now(), keys, stream } satisfies LiveMessage))
    })
  })
  await page.goto(`http://127.0.0.1:${a.port}/`)
  const literal = '<img src=x onerror=alert(1)><script>pwned=1</script>"\'`javascript:pwned\\u{202e}\\u{0}${{'
  for (const [view, places] of [
    ['1', ['.top h1', '.top .from', '.verdict', '.ring text', '.peers .row', '.differences li', '.differences ul ul']],
    ['2', ['.keys .c-key', '.keys .c-value', '.keys .c-peer', 'select option']],
    ['3', ['.events .c-peer', '.events .c-name', '.events .c-text']],
    ['4', ['.work .c-service', '.work .c-app', '.work .c-load', '.work .c-tags']],
    ['5', ['.queues .c-queue']],
  ] as const) {
    await page.keyboard.press('Escape')
    await page.keyboard.press(view)
    if (view === '4') await page.locator('.work button.plain').first().click()
    for (const place of places) {
      await page.locator(place).filter({ hasText: literal.slice(0, 18) }).first().waitFor({ state: 'attached' })
      t.pass(place)
    }
    if (view === '1') await page.locator('.peers .row:not(.head)').first().click()
    if (view === '2') {
      await page.locator('.keys .row:not(.head)').first().click()
      await page.locator('.value').waitFor()
      t.match(await page.locator('.value h2').textContent(), literal)
    }
    if (view === '1') t.match(await page.locator('aside.details').textContent(), literal)
    if (view === '5') {
      await page.locator('.queues .row:not(.head)').first().click()
      t.match(await page.locator('.value h2').textContent(), literal)
      await shows(page, '.letters li', literal.slice(0, 18))
    }
    t.strictSame(await flaws(page), [])
  }
  const made = await page.evaluate<{ title: string }>(`({
    images: document.querySelectorAll('img, iframe, object, embed').length,
    scripts: [...document.scripts].filter(({ src }) => !src.startsWith(location.origin)).length,
    links: [...document.links].map(({ href }) => href).filter(href => !href.startsWith(location.origin)),
    pwned: 'pwned' in globalThis,
    title: document.title,
  })`)
  t.match(made, { images: 0, scripts: 0, links: [], pwned: false })
  t.notMatch(made.title, /[\u0000\u202e]/)
  t.strictSame(wrong.filter(line => !line.includes('status of 404')), [], 'but that there is no such key')
})

t.test('a hundred peers, some in trouble: told in words, and axe finds nothing', async t => {
  const stage = await new Stage(100).open(t)
  stage.peer(3).set('sensor', 1)
  const work = new Dispatcher(stage.seen, { queue: await openFolder(t) })
  await work.enqueue('invoice', 1)
  t.teardown(() => work.stop({ grace: 0 }))
  stage.world.network.partition(Array.from({ length: 30 }, (_, i) => i + 10))
  for (const [colorScheme, width] of [['light', 1280], ['dark', 1280], ['light', 390]] as const) {
    const { page, found } = await open(t, stage, { colorScheme, viewport: { width, height: 800 } })
    await shows(page, '.verdict', '30 of 100 peers are dead')
    await shows(page, '.verdict', '30 of them fell silent together')
    t.equal(await page.locator('.ring .shape.dead').count(), 30)
    t.ok(await page.locator('.ring .chord.dead').count() > 0)
    t.ok(await page.locator('.peers .row').count() < 60, 'rows that cannot be seen are not drawn')
    await shows(page, '.differences li', 'dead to')
    for (const view of ['1', '2', '3', '4', '5']) {
      await page.keyboard.press(view)
      await page.locator('main').waitFor()
      if (view === '5') await page.getByRole('button', { name: 'invoice' }).click()
      t.strictSame(await flaws(page), [], `${colorScheme}, ${width}, view ${view}`)
    }
    const wide = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
    t.notOk(wide, 'nothing is wider than the window')
    t.strictSame(found, [])
  }
})

t.test('a flood leaves the page within bounds', async t => {
  const a = await served(t)
  const { page, found } = await open(t, a)
  await shows(page, '.verdict', 'This peer is alone')
  await page.keyboard.press('3')
  const b = await served(t, {}, [a.name])
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 200; i++) b.set(`key:${i}`, round)
    await new Promise(resolve => setImmediate(resolve))
  }
  b.say('the:last')
  await shows(page, '.events .row', 'the:last')
  t.ok(await page.locator('.events .row').count() < 80)
  const rows = await page.locator('.events [role=table]').getAttribute('aria-rowcount')
  t.ok(Number(rows) <= 2_001, `${rows} rows`)
  t.strictSame(found, [])
})
