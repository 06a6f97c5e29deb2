import type { Command } from 'commander'
import { appName, type PeerAddress, wholeNumber } from './shared/arguments.js'
import { type AskOptions, asking, clientFor, examples, interruption } from './shared/ask.js'
import { printJSON, Progress } from './shared/output.js'
import { follow, summarize } from './shared/rollout.js'

/** Adds the command `stop`: runs a worker app no more. */
export function stop(program: Command): void {
  asking(program, 'stop')
    .description('stop a worker app on every peer')
    .argument('<app>', 'apps/<folder>/<worker>', appName)
    .option('--timeout <seconds>', 'how long to wait for the peers', wholeNumber(1, 86_400), 60)
    .option('--json', 'print JSON')
    .addHelpText('after', examples('stop :1111 apps/wordcount/counter'))
    .action(async (address: PeerAddress, app: string, options: AskOptions & { timeout: number }) => {
      const client = clientFor(address, options)
      const { order } = (await client.ask(`/apps/${app}`, { method: 'DELETE' })) as { order: string }
      const timeoutMs = options.timeout * 1_000
      const rollout = await follow(client, app, order, 'stopped', timeoutMs, new Progress(), interruption())
      if (options.json) printJSON(rollout)
      else summarize(rollout, 'stopped')
      if (!rollout.complete) throw new Error(`${app} is not stopped everywhere`)
    })
}
