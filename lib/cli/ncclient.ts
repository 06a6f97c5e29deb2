import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { NCAgent, readConfig } from '../netcluster/index.js'
import { History } from './ncclient/history.js'
import { Requests } from './ncclient/requests.js'
import { Shell } from './ncclient/shell.js'

/** Adds the command `ncclient`: a shell that asks and tells the server of this machine's channels. */
export function ncclient(program: Command): void {
  program
    .command('ncclient')
    .description('a shell to control the channel server of this machine')
    .argument('[config]', 'the server\'s configuration file, for the folder of its sockets')
    .option('--history <file>', 'where lines are kept for the next time', join(homedir(), '.netcluster_history'))
    .addHelpText('after', '\nReads from a pipe too: echo "showconfig()" | telepathine ncclient')
    .action(run)
}

async function run(path: string | undefined, options: { history: string }): Promise<void> {
  const { socketdir } = path === undefined ? {} : await readConfig(path)
  const agent = new NCAgent(socketdir === undefined ? {} : { socketdir })
  await agent.connect('control')
  try {
    const history = process.stdin.isTTY ? await History.open(options.history) : undefined
    const failed = await new Shell(new Requests(agent), process.stdin, process.stdout, process.stderr, history).run()
    if (failed && !process.stdin.isTTY) process.exitCode = 1
  } finally {
    await agent.disconnect()
  }
}
