import { homedir } from 'node:os'
import { join as path } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { Mapper } from '../nanite/index.js'
import { join, joining, type JoinOptions } from './nanite/join.js'
import { runShell, tableOf } from './nanite/shell.js'

interface Options extends JoinOptions {
  readonly history: string
  readonly interactive?: boolean
}

/** How long the first agent is waited for, and how long it must be quiet after the last one, milliseconds. */
const firstMs = 5_000
const quietMs = 300
/** How long answers are waited for when the input has ended, milliseconds. */
const answersMs = 60_000

/** Adds the command `mapper`: a shell to make requests of nanite agents from. */
export function mapper(program: Command): void {
  const command = program
    .command('mapper')
    .description('a shell to make requests of nanite agents from')
  joining(command)
    .option('-i, --interactive', 'a shell; as it is anyway')
    .option('--history <file>', 'where lines are kept for the next time', path(homedir(), '.telepathine_history'))
    .addHelpText('after', `
Type JavaScript, or what stands in the documents of the original:
  Nanite.request('/mock/list', (res) => p(res))
  Nanite.request('/foo/bar', 'hi', :all) {|res| p res }
Reads from a pipe too, and then waits for the answers.`)
    .action(run)
}

async function run(options: Options): Promise<void> {
  const peer = await join(options)
  const self = new Mapper(peer)
  const { stdin: input, stdout: output } = process
  const isTerminal = input.isTTY && output.isTTY
  try {
    await agentsInReach(self)
    if (isTerminal) output.write(`${peer.name}, agents in reach:\n${tableOf(self)}`)
    await runShell(self, { input, output, isTerminal, history: options.history })
    await self.stop({ grace: isTerminal ? 0 : answersMs })
  } finally {
    await peer.stop()
  }
}

/** Waits until there are agents, and no more seem to come: what is read from a pipe would find nobody. */
async function agentsInReach(among: Mapper): Promise<void> {
  const until = Date.now() + firstMs
  let before: number
  let count = 0
  do {
    before = count
    await delay(before === 0 ? quietMs / 10 : quietMs)
    count = among.agents().length
  } while (Date.now() < until && (count === 0 || count > before))
}
