import { join as path } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { Agent } from '../nanite/index.js'
import { loadActors } from './nanite/folder.js'
import { join, joining, type JoinOptions } from './nanite/join.js'
import { several, wholeNumber } from './shared/arguments.js'
import { print, printJSON } from './shared/output.js'

interface Options extends JoinOptions {
  readonly tag?: readonly string[]
  readonly pingTime?: number
  readonly prefetch?: number
  readonly json?: boolean
}

/** How long who has not heard of our going yet is still told, milliseconds. */
const lingerMs = 500

/** Adds the command `agent`: a nanite agent, which offers the actors of a folder. */
export function agent(program: Command): void {
  const command = program
    .command('agent')
    .description('run a nanite agent: offers the actors in a folder, until Ctrl-C')
    .argument('<dir>', 'folder with actors/*.js and, if need be, init.js')
  joining(command)
    .option('--tag <tag>', 'what mappers may choose by (may be repeated)', several)
    .option('--ping-time <seconds>', 'time between two pings, which tell its status', wholeNumber(1, 86_400))
    .option('--prefetch <number>', 'how many requests run at a time', wholeNumber(1, 1_000_000))
    .option('--json', 'print what happens as lines of JSON')
    .addHelpText('after', '\nFiles find `Nanite` among the globals: `class Mock extends Nanite.Actor { … }`.')
    .action(run)
}

async function run(dir: string, options: Options): Promise<void> {
  const leaving = new Promise<void>((leave) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        leave()
        // whoever asks twice means it
        process.once(signal, () => process.exit(1))
      })
    }
  })
  const peer = await join(options)
  try {
    const { tag: tags, pingTime, prefetch } = options
    const self = new Agent(peer, {
      fileRoot: path(dir, 'files'),
      ...(tags !== undefined && { tags }),
      ...(pingTime !== undefined && { pingTime }),
      ...(prefetch !== undefined && { prefetch }),
    })
    await loadActors(dir, self)
    const { name } = peer
    if (options.json) printJSON({ type: 'up', name, services: self.services, pid: process.pid })
    else print(`${name} serves ${self.services.join(' ')}\n  ask it:  telepathine mapper --seed ${name}`)
    await leaving
    await self.stop()
    await delay(lingerMs)
  } finally {
    await peer.stop()
  }
}
