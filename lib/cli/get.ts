import type { Command } from 'commander'
import type { PeerAddress } from './shared/arguments.js'
import { type AskOptions, asking, clientFor, examples } from './shared/ask.js'
import { printJSON, printValue } from './shared/output.js'

/** Adds the command `get`: a value of a peer's key space. */
export function get(program: Command): void {
  asking(program, 'get')
    .description('print the value of a key')
    .argument('<key>')
    .option('--peer <name>', 'whose key, as the peer that is asked knows it (default: its own)')
    .option('--json', 'print JSON: key, peer, value, version, expiresAt')
    .addHelpText('after', examples('get :1111 load', 'get :1111 load --peer 127.0.0.1:2222 --json'))
    .action(async (address: PeerAddress, key: string, options: AskOptions & { peer?: string }) => {
      const query = options.peer === undefined ? '' : `?peer=${encodeURIComponent(options.peer)}`
      const path = `/state/${encodeURIComponent(key)}${query}`
      const found = (await clientFor(address, options).ask(path)) as { readonly value: unknown }
      if (options.json) printJSON(found)
      else printValue(found.value)
    })
}
