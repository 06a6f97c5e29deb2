import t, { type Test } from 'tap'
import { Script } from '../fixtures/script.js'

async function simulate(t: Test, ...args: string[]) {
  const script = new Script(t, 'lib/cli/main.ts', ['simulate', ...args])
  return { code: await script.ended, stdout: script.stdout, stderr: script.stderr }
}

t.jobs = 2
// each starts a process, on a machine that may be busy
t.setTimeout(120_000)

t.test('it runs what is asked for and prints one object', async t => {
  const { code, stdout } = await simulate(t, 'chaos', '--peers', '3', '--seed', '9', '--steps', '20', '--json')
  t.equal(code, 0)
  t.equal(stdout.trimEnd().split('\n').length, 1)
  t.match(JSON.parse(stdout), { scenario: 'chaos', peers: 3, seed: 9, steps: 20, violations: [] })
})

t.test('a cluster that does not converge is exit code 1, and the command that repeats it', async t => {
  const args = ['converge', '--peers', '3', '--loss', '1', '--latency', '60000,60000', '--updates', '1']
  const { code, stdout, stderr } = await simulate(t, ...args)
  t.equal(code, 1)
  t.match(stdout, /^converged +false$/m)
  t.match(stderr, 'converge --seed 1 --peers 3 --loss 1 --latency 60000,60000 --updates 1')
})

t.test('without a scenario it names them all', async t => {
  const { code, stdout } = await simulate(t)
  t.equal(code, 0)
  for (const name of ['converge', 'idle', 'crash', 'join', 'churn', 'partition', 'overload', 'chaos', 'signed']) {
    t.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
  }
})

for (const [args, said] of [
  [['nothing'], 'nothing'],
  [['idle', '--peers', 'many'], 'many'],
  [['idle', '--latency', '3,1'], 'least and most'],
  [['idle', '--updates', '3'], `idle has no option '--updates'`],
  [['idle', 'crash'], 'too many arguments'],
] as const) {
  t.test(`wrong arguments are one line and exit code 2: ${args.join(' ')}`, async t => {
    const { code, stdout, stderr } = await simulate(t, ...args)
    t.equal(stdout, '')
    t.match(stderr, /^telepathine: [^\n]+\n$/)
    t.ok(stderr.includes(said), stderr)
    t.equal(code, 2)
  })
}
