import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { Script } from '../fixtures/script.js'

/** Two network namespaces of this machine, with a cable between them. */
interface Cable {
  /** Runs a peer in one of them. */
  peer(side: 0 | 1, ...seeds: string[]): Promise<Script>
  /** Pulls the plug, or puts it back in. */
  plug(isIn: boolean): void
  /** Has the cable lose that share of all packets, both ways; says why not. */
  lose(share: string): string | undefined
}

/** Runs a command; undefined when all is well, otherwise what it says. */
function complaint(command: string, ...args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? undefined : error?.message ?? stderr.trim()
}

const spaces = [`tp${process.pid}a`, `tp${process.pid}b`] as const
const addresses = ['10.251.7.1', '10.251.7.2'] as const
const network = 'a key for both ends of the cable'

function lay(t: Test): Cable | string {
  t.teardown(() => spaces.forEach((space) => spawnSync('ip', ['netns', 'del', space])))
  const steps = [
    ...spaces.map((space) => ['netns', 'add', space]),
    ['link', 'add', 'tp0', 'netns', spaces[0], 'type', 'veth', 'peer', 'name', 'tp0', 'netns', spaces[1]],
    ...spaces.flatMap((space, i) => [
      ['-n', space, 'addr', 'add', `${addresses[i]}/24`, 'dev', 'tp0'],
      ['-n', space, 'link', 'set', 'tp0', 'up'],
      ['-n', space, 'link', 'set', 'lo', 'up'],
    ]),
  ]
  for (const step of steps) {
    const why = complaint('ip', ...step)
    if (why !== undefined) return `this machine allows no network namespaces (ip ${step.join(' ')}: ${why})`
  }
  return {
    async peer(side, ...seeds) {
      const through = ['ip', 'netns', 'exec', spaces[side]]
      const script = new Script(t, 'test/cluster/fixtures/victim.ts', [network, addresses[side], ...seeds], {}, through)
      if (!(await script.prints((lines) => lines.length > 0, 30_000))) throw new Error(script.stderr)
      return script
    },
    plug: (isIn) => void complaint('ip', '-n', spaces[0], 'link', 'set', 'tp0', isIn ? 'up' : 'down'),
    lose(share) {
      for (const space of spaces) {
        const netem = ['tc', 'qdisc', 'add', 'dev', 'tp0', 'root', 'netem', 'loss', share]
        const why = complaint('ip', 'netns', 'exec', space, ...netem)
        if (why !== undefined) return `this machine cannot lose packets (tc: ${why})`
      }
      return undefined
    },
  }
}

/** Whether a peer sees so many others alive, within half a minute. */
function sees(script: Script, count: number): Promise<boolean> {
  const from = script.lines.length
  return script.prints((lines) => {
    const latest = lines.length > from ? lines.at(-1) : undefined
    return latest !== undefined && (JSON.parse(latest) as { live: string[] }).live.length === count
  }, 30_000)
}

t.test('two machines cut apart notice it, and find each other again', { timeout: 120_000 }, async (t) => {
  const cable = lay(t)
  if (typeof cable === 'string') {
    t.pass('skipped', { skip: cable })
    return
  }
  const a = await cable.peer(0)
  const b = await cable.peer(1, (JSON.parse(a.lines[0]!) as { name: string }).name)
  for (const peer of [a, b]) t.ok(await sees(peer, 1), 'they know each other')
  cable.plug(false)
  for (const peer of [a, b]) t.ok(await sees(peer, 0), 'each is alone')
  cable.plug(true)
  for (const peer of [a, b]) t.ok(await sees(peer, 1), 'they know each other again')

  const why = cable.lose('20%')
  if (why !== undefined) {
    t.pass('skipped', { skip: why })
    return
  }
  const c = await cable.peer(1, (JSON.parse(a.lines[0]!) as { name: string }).name)
  for (const peer of [a, b, c]) t.ok(await sees(peer, 2), 'a third one joins while a fifth of all packets is lost')
})
