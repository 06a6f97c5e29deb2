import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { Script, scriptFile, sourceOf, top } from './fixtures/script.js'

const readme = readFileSync(join(top, 'README.md'), 'utf8')
const fences = [...readme.matchAll(/^```(js|ts)\n(.*?)^```$/gms)]
const blocks = fences.map(([, language, code]) => ({ language: language ?? '', code: code ?? '' }))

/** What the blocks find in their environment. */
const env = { NETWORK_KEY: 'a key that only these blocks have' }

/** What the blocks must print, in their order. */
const expected = [
  [/^127\.0\.0\.1:\d+ says that its load is 0\.25$/, /^asked, it is 0\.25$/, /^127\.0\.0\.1:\d+ deleted load$/],
  [/^a heard order:new from 127\.0\.0\.1:\d+: \{ id: 42, what: 'tea' \}$/, /^b was thanked for 42$/],
  [/^6 words$/, /^3$/, /^2$/, /^1$/, /^1 answered, 0 did not$/, /^ERR_NO_WORKER$/],
  [/^a turned somebody away: speaks openly, without a key$/, /^b knows 42$/, /^the stranger knows \[\]$/],
  [], // a worker, which nobody sends a message here
  [/^heard log:info from channel A: \{ text: 'hello' \}$/],
  [/^it answered \[ 1, 2, 3 \] true$/],
  [/^\[ \d+, \d+, \d+ \] missing: \[\]$/],
  [/^the other side knows undefined$/, /^after healing it knows red$/, /^0 invariants violated$/],
]

t.jobs = 2

t.test('every code block of README.md is run here', async t => {
  t.equal(blocks.length, expected.length)
})

for (const [i, { language, code }] of blocks.entries()) {
  const telling = /\.(?:know|hear|serve)\(|new (?:NCServer|Servent|Mapper|Simulation)\(/
  const title = code.split('\n').find(line => telling.test(line))?.trim()
  t.test(`block ${i + 1} of README.md (${title}) does what it says and ends`, { timeout: 30_000 }, async t => {
    const names = /'(telepathine(?:\/files|\/work|\/nanite|\/netcluster|\/servent|\/simulation)?)'/g
    const local = code.replaceAll(names, (_, door: 'telepathine') => `'${sourceOf(door)}'`)
    const path = await scriptFile(t, local, language === 'ts' ? 'mts' : 'mjs')
    const script = new Script(t, path, [], { ...env, XDG_RUNTIME_DIR: dirname(path) })
    t.equal(await script.ended, 0)
    t.equal(script.stderr, '')
    const wanted = expected[i] ?? []
    t.equal(script.lines.length, wanted.length, script.stdout)
    for (const [n, line] of wanted.entries()) t.match(script.lines[n], line)
  })
}

t.test('README.md has the two commands that do everything', async t => {
  for (const command of ['npm install && npm start', 'npm install && npm test']) {
    t.ok(readme.split('\n').includes(command), command)
  }
})

t.test('what README.md links to is there', async t => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path ?? '')
  t.ok(links.length >= 3)
  for (const path of links) t.ok(existsSync(join(top, path)), path)
})
