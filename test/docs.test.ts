import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AppHost } from '../lib/apps/index.js'
import { errorCodes, Telepathine } from '../lib/index.js'
import { Dispatcher } from '../lib/work/index.js'
import { readPage } from './fixtures/markdown.js'
import { brokenLinks, follow } from './fixtures/pages.js'
import { top } from './fixtures/script.js'

const guides = readdirSync(join(top, 'docs')).filter(file => file.endsWith('.md')).map(file => `docs/${file}`)
const others = ['ALGORITHM.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'bench/RESULTS.md']

t.jobs = 2
// many processes, one after the other
t.setTimeout(600_000)

for (const path of [...guides, 'SECURITY.md', 'CONTRIBUTING.md']) {
  t.test(`what ${path} says works as it stands there`, { timeout: 180_000 }, t => follow(t, path))
}

t.test('what the pages link to is there', async t => {
  for (const path of [...guides, ...others]) t.strictSame(brokenLinks(path), [], path)
})

t.test('every guide is linked from the list of them', async t => {
  const { links } = readPage('docs/README.md')
  for (const path of guides) if (path !== 'docs/README.md') t.ok(links.includes(path.replace('docs/', '')), path)
})

t.test('the new lines of docs/migrating.md stand in its blocks', async t => {
  const { text, blocks } = readPage('docs/migrating.md')
  const cells = [...text.matchAll(/^\| `.*? \| (.*?) \|$/gm)].map(([, cell]) => cell ?? '')
  // as far as an ellipsis; a name alone is no line
  const lines = cells.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, line]) => line?.split('…')[0]?.trim()))
  const shown = lines.filter(line => line !== undefined && line.includes(' ')) as string[]
  t.ok(shown.length >= 20)
  for (const line of shown) t.ok(blocks.some(({ code }) => code.includes(line)), line)
})

t.test('the reference names all that there is', async t => {
  const { text } = readPage('docs/reference.md')
  const read = (path: string): string => readFileSync(join(top, path), 'utf8')
  const options = read('lib/options.ts').match(/interface TelepathineOptions \{.*?^\}/ms)?.[0] ?? ''
  const work = read('lib/work/types.ts')
  const ofWork = ['Call', 'ServeOptions', 'CallOptions', 'GatherOptions', 'DispatcherOptions'].map(name => {
    return new RegExp(`interface ${name} .*?^}`, 'ms').exec(work)?.[0] ?? ''
  })
  const names = [options, ...ofWork].flatMap(text => {
    return [...text.matchAll(/^  (?:readonly )?(\w+)(?:\?:|:|\()/gm)].map(([, name]) => name ?? '')
  })
  t.ok(names.length > 40)
  const events = [...read('lib/types.ts').matchAll(/^  '?([\w:]+)'?: \[/gm)].map(([, name]) => name ?? '')
  t.ok(events.length > 10)
  const members = [Telepathine, Dispatcher].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype))
  const aside = new Set(['constructor', 'on', 'once', 'viewOf']) // inherited, or not for users
  for (const name of [...names, ...events, ...errorCodes, ...members]) {
    if (!aside.has(name)) t.match(text, new RegExp(`\\b${name}\\b`), name)
  }
})

t.test('docs/http.md has all routes', async t => {
  const peer = await new Telepathine(0, [], { http: true }).start().ready()
  t.teardown(() => peer.stop())
  const data = await mkdtemp(join(tmpdir(), 'telepathine-docs-'))
  t.teardown(() => rm(data, { recursive: true, force: true }))
  const host = await new AppHost(peer, { data }).start()
  t.teardown(() => host.stop())
  const { paths } = (await (await fetch(`http://${peer.name}/openapi.json`)).json()) as { paths: object }
  t.ok(Object.keys(paths).length > 10)
  const { text } = readPage('docs/http.md')
  for (const path of Object.keys(paths)) {
    // what the dashboard is made of is nobody else's
    if (path.startsWith('/dashboard/')) continue
    const shown = path.replaceAll('{dir}', '<folder>').replaceAll(/\{(\w+)\}/g, '<$1>')
    t.match(text, new RegExp(`${shown}\\b|${shown}\``), path)
  }
})

t.test('what is not run says why', async t => {
  const silent = [...guides, ...others].flatMap(path => {
    return readPage(path).blocks.filter(({ info }) => info !== '' && !/^(not run: |needs )\S+/.test(info))
  })
  t.strictSame(silent, [])
})
