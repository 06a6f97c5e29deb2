import t from 'tap'
import { Script } from '../fixtures/script.js'
import { isAlive, pidsOf } from './fixtures/demo.js'

/** What a line of the demo says: its title, and the milliseconds it took. */
function stepsOf(lines: readonly string[]): Map<string, number[]> {
  const steps = new Map<string, number[]>()
  for (const line of lines) {
    const [, ms, title] = /^ *([\d.,]+) ms {2}(\S+(?: \S+)*?) {2}/.exec(line) ?? []
    if (ms && title) steps.set(title, [...(steps.get(title) ?? []), Number(ms.replaceAll(',', ''))])
  }
  return steps
}

t.test('the demo shows every step within 20 s and leaves no process behind', { timeout: 40_000 }, async t => {
  const begun = Date.now()
  const script = new Script(t, 'lib/cli/main.ts', ['demo'])
  t.equal(await script.ended, 0, script.stdout + script.stderr)
  t.ok(Date.now() - begun < 20_000)
  t.equal(script.stderr, '')
  t.notMatch(script.stdout, /\u001b/, 'no colours in a log')
  const steps = stepsOf(script.lines)
  t.strictSame([...steps.keys()], ['start', 'meet', 'set', 'say', 'expire', 'delete', 'kill', 'return', 'catch up'])
  for (const [title, times] of steps) for (const ms of times) t.ok(ms >= 0 && ms < 10_000, `${title} ${ms} ms`)
  t.ok((steps.get('expire')?.[0] ?? 0) >= 700, 'a key lives as long as it was given')
  const pids = pidsOf(script.stdout)
  t.equal(pids.length, 6, 'five, and one that came back')
  t.strictSame(pids.filter(isAlive), [])
})

t.test('a step that does not happen is named in one line, and the exit code is 1', { timeout: 40_000 }, async t => {
  const script = new Script(t, 'lib/cli/main.ts', ['demo'])
  t.ok(await script.prints(() => pidsOf(script.stdout).length === 5, 30_000), script.stdout + script.stderr)
  const pids = pidsOf(script.stdout)
  process.kill(pids[2] ?? 0, 'SIGKILL')
  t.equal(await script.ended, 1)
  t.match(script.stderr, /^telepathine: did not happen within \d+ ms: "[^\n]+" by peers? [\d ]*\b3\b[\d ]*\n$/)
  t.strictSame(pids.filter(isAlive), [])
})
