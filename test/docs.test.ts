import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
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

for (const path of guides) {
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
  const lines = cells.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, line]) => line?.split('…')[0]?.trim() ?? ''))
  const shown = lines.filter(line => line.includes(' '))
  t.ok(shown.length >= 20)
  for (const line of shown) t.ok(blocks.some(({ code }) => code.includes(line)), line)
})

t.test('the reference names all that there is', async t => {
  const { text } = readPage('docs/reference.md')
  const options = readFileSync(join(top, 'lib/options.ts'), 'utf8').match(/interface TelepathineOptions \{.*?^\}/ms)?.[0] ?? ''
  const work = readFileSync(join(top, 'lib/work/types.ts'), 'utf8')
  const ofWork = ['Call', 'ServeOptions', 'CallOptions', 'GatherOptions', 'DispatcherOptions'].map(name => {
    return new RegExp(`interface ${name} .*?^}`, 'ms').exec(work)?.[0] ?? ''
  })
  const names = [options, ...ofWork].flatMap(text => {
    return [...text.matchAll(/^  (?:readonly )?(\w+)(?:\?:|:|\()/gm)].map(([, name]) => name ?? '')
  })
  t.ok(names.length > 40)
  const events = [...readFileSync(join(top, 'lib/types.ts'), 'utf8').matchAll(/^  '?([\w:]+)'?: \[/gm)].map(([, name]) => name ?? '')
  t.ok(events.length > 10)
  const members = [Telepathine, Dispatcher].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype))
  const aside = new Set(['constructor', 'on', 'once', 'viewOf']) // inherited, or not for users
  for (const name of [...names, ...events, ...errorCodes, ...members]) {
    if (!aside.has(name)) t.match(text, new RegExp(`\\b${name}\\b`), name)
  }
})

t.test('what is not run says why', async t => {
  const silent = [...guides, ...others].flatMap(path => {
    return readPage(path).blocks.filter(({ info }) => info !== '' && !/^(not run: |needs )\S+/.test(info))
  })
  t.strictSame(silent, [])
})
