import type { Command } from 'commander'
import { Cluster } from './demo/cluster.js'
import { Screen } from './demo/screen.js'
import { show } from './demo/story.js'

/** Adds the command `demo`: a real five-process cluster on this machine, shown at work. */
export function demo(program: Command): void {
  program
    .command('demo')
    .description('run a real five-peer cluster on this machine and show it at work')
    .option('--stay', 'keep the cluster up until Ctrl-C')
    .action(async (options: { stay?: boolean }) => run(options.stay ?? false))
}

async function run(stay: boolean): Promise<void> {
  const cluster = new Cluster()
  const screen = new Screen(process.stdout)
  const interrupted = new Promise<'interrupted'>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'))
  })
  try {
    const ending = await Promise.race([show(cluster, screen, stay), interrupted])
    if (ending === 'interrupted') throw new Error('interrupted')
    if (!stay) return
    await interrupted
    screen.line('\nstopping')
  } finally {
    await cluster.stop()
  }
}
