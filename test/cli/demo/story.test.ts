import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Telepathine } from '../../../lib/index.js'
import { Script } from '../../fixtures/script.js'
import { isAlive, pidsOf } from '../fixtures/demo.js'

t.test('--stay keeps the cluster up until it is interrupted, and says how to join it', { timeout: 40_000 }, async t => {
  const script = new Script(t, 'lib/cli/main.ts', ['demo', '--stay'])
  const isUp = await script.prints(() => script.stdout.includes('From a program of your own'), 30_000)
  t.ok(isUp, script.stdout + script.stderr)
  const pids = pidsOf(script.stdout).filter(isAlive)
  t.equal(pids.length, 5)
  const [, seed] = /new Telepathine\(0, \['(.*?)'\]/.exec(script.stdout) ?? []
  const guest = await new Telepathine(0, [seed ?? '']).start().ready()
  t.ok(await script.prints(lines => lines.includes(`${guest.name} has joined`), 5_000))
  await guest.stop()
  t.ok(await script.prints(lines => lines.includes(`${guest.name} is gone (left)`), 5_000))
  script.child.kill('SIGINT')
  t.equal(await script.ended, 0)
  t.strictSame(pids.filter(isAlive), [])
})

t.test('the peers do not outlive a demo that is killed', { timeout: 40_000 }, async t => {
  const script = new Script(t, 'lib/cli/main.ts', ['demo', '--stay'])
  t.ok(await script.prints(() => pidsOf(script.stdout).length === 5, 30_000), script.stdout + script.stderr)
  const pids = pidsOf(script.stdout)
  t.equal(pids.length, 5)
  script.child.kill('SIGKILL')
  for (const deadline = Date.now() + 5_000; pids.some(isAlive) && Date.now() < deadline; ) await sleep(20)
  t.strictSame(pids.filter(isAlive), [])
})
