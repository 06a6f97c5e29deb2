import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { Script, top } from '../fixtures/script.js'

const patienceMs = 40_000

/** A folder with these files, which goes with the test. */
async function folder(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'telepathine-agent-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), text)
  }
  return path
}

interface Up { readonly name: string, readonly services: readonly string[] }

async function agent(t: Test, path: string, ...args: string[]): Promise<Script & { up: Up }> {
  const script = new Script(t, 'lib/cli/main.ts', ['agent', path, '--json', ...args])
  if (!(await script.prints(lines => lines.length > 0, patienceMs))) t.fail(script.stderr)
  return Object.assign(script, { up: JSON.parse(script.lines[0] ?? '{}') as Up })
}

/** What a mapper prints when these lines are typed. */
async function shell(t: Test, seed: string, ...typed: string[]): Promise<Script> {
  const script = new Script(t, 'lib/cli/main.ts', ['mapper', '--seed', seed])
  script.child.stdin?.end(typed.map(line => `${line}\n`).join(''))
  t.equal(await script.ended, 0)
  t.equal(script.stderr, '')
  return script
}

t.jobs = 2
t.setTimeout(120_000)

t.test('the example of the original runs with its files in JavaScript, and its requests as they stand', async t => {
  // Ruby's `class Mock < Nanite::Actor … end` and `Nanite::Dispatcher.register(Mock.new)`
  const path = await folder(t, {
    'actors/mock.js': `
class Mock extends Nanite.Actor {
  static expose = ['list']

  list(filter) {
    return [1, 2, 3]
  }
}

Nanite.Dispatcher.register(new Mock())
`,
    'actors/foo.js': `
export class Foo extends Nanite.Actor {
  static expose = ['bar']
  bar(payload) { return \`\${payload}, said \${payload}\` }
}
export class Whataver extends Nanite.Actor {
  static expose = ['hello']
  hello(n) { return n + 1 }
}
`,
    'init.js': 'Nanite.status_proc = () => 0.5\n',
  })
  const { up } = await agent(t, path)
  t.strictSame(up.services, ['/mock/list', '/foo/bar', '/whataver/hello'])
  const seed = await readFile(join(top, 'test/fixtures/seed/nanite.txt'), 'utf8')
  const { stdout } = await shell(t, up.name, ...seed.split('\n'))
  t.match(stdout, `{ '${up.name}': [ 1, 2, 3 ] }`)
  t.match(stdout, `{ '${up.name}': 'hi, said hi' }`)
  t.match(stdout, `{ '${up.name}': 43 }`)
})

t.test('the shell takes JavaScript, shows the agents, and survives what makes no sense', async t => {
  const path = await folder(t, {
    'package.json': '{ "type": "module" }',
    'actors/rack_worker.js': `
export default class extends Nanite.Actor {
  static expose = ['call', 'steps']
  call(env) { return { status: 200, env } }
  *steps() { yield 1; yield Nanite.keyed('half', 0.5); return 'done' }
}
`,
    'actors/notes.txt': 'no script',
  })
  const { up } = await agent(t, path, '--tag', 'web', '--tag', 'fast', '--ping-time', '1', '--prefetch', '3')
  t.strictSame(up.services, ['/rack_worker/call', '/rack_worker/steps'])
  const { stdout } = await shell(t, up.name,
    '.agents',
    `Nanite.request('/rack_worker/call', { path: '/' }, { tags: ['web'] }, (res, job) => p(res, job.missing))`,
    `Nanite.request('/rack_worker/steps', '', { intermediate_handler: (key, agent, state) => p([key, state]) }, p)`,
    `Nanite.push('/nobody/knows')`,
    'this is ( no sense ]',
    'Nanite.agents().map(({ tags }) => tags)',
  )
  t.match(stdout, new RegExp(`^${up.name} .* /rack_worker/call /rack_worker/steps  \\[web fast\\]$`, 'm'))
  t.match(stdout, `{ '${up.name}': { status: 200, env: { path: '/' } } }\n[]`)
  t.match(stdout, `[ 'half', 0.5 ]`)
  t.match(stdout, `{ '${up.name}': 'done' }`)
  t.match(stdout, /^false$/m)
  t.match(stdout, 'SyntaxError')
  t.match(stdout, `[ [ 'web', 'fast' ] ]`)
})

t.test('an agent joins by a seed, and leaves on SIGTERM with what runs done', async t => {
  const files = {
    'actors/slow.js': `
exports.Slow = class Slow extends Nanite.Actor {
  static expose = ['run', 'others']
  async *run() {
    yield 'begun'
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    return 'done'
  }
  others() { return new Promise((resolve) => Nanite.request('/slow/run', '', 'all', resolve)) }
}
`,
  }
  const first = await agent(t, await folder(t, files))
  const second = await agent(t, await folder(t, files), '--seed', first.up.name)
  const mapper = new Script(t, 'lib/cli/main.ts', ['mapper', '--seed', first.up.name])
  mapper.child.stdin?.write(`Nanite.agents().length\n`)
  t.ok(await mapper.prints(lines => lines.includes('2'), patienceMs), mapper.stdout)
  const how = `{ target: '${second.up.name}', intermediate_handler: (state, job) => p(state) }`
  mapper.child.stdin?.write(`Nanite.request('/slow/run', '', ${how}, (res) => p(res))\n`)
  t.ok(await mapper.prints(lines => lines.includes(`'begun'`), patienceMs), mapper.stdout)
  second.child.kill('SIGTERM')
  t.ok(await mapper.prints(lines => lines.includes(`{ '${second.up.name}': 'done' }`), patienceMs), mapper.stdout)
  t.equal(await second.ended, 0)
  mapper.child.stdin?.end(`Nanite.request('/slow/others', '', (res) => p(res))\n`)
  t.equal(await mapper.ended, 0)
  t.match(mapper.stdout, `{ '${first.up.name}': { '${first.up.name}': 'done' } }`)
})

t.test('what cannot be run says so in one line', async t => {
  const empty = await folder(t, { 'actors/none.js': 'export const a = 1\n' })
  await Promise.all(([
    [['agent', '/no/such/folder'], 1, /no such file or directory/],
    [['agent', empty], 1, /offers nothing/],
    [['agent'], 2, /missing required argument/],
    [['agent', empty, '--port', 'x'], 2, /--port/],
    [['mapper', '--seed', 'nonsense'], 1, /nonsense/],
    [['mapper', 'more'], 2, /too many arguments/],
  ] as const).map(async ([args, code, what]) => {
    const script = new Script(t, 'lib/cli/main.ts', args)
    t.equal(await script.ended, code, args.join(' '))
    t.match(script.stderr, /^telepathine: [^\n]+\n$/)
    t.match(script.stderr, what)
    t.equal(script.stdout, '')
  }))
})
