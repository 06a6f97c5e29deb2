import type { Command } from 'commander'
import type { PeerAddress } from './shared/arguments.js'
import { type AskOptions, asking, clientFor, examples } from './shared/ask.js'
import { plain, print, printJSON } from './shared/output.js'

/** Adds the command `keys`: the keys of a peer's key space. */
export function keys(program: Command): void {
  asking(program, 'keys')
    .description('list the keys of a peer')
    .option('--peer <name>', 'whose keys, as the peer that is asked knows them (default: its own)')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('keys :1111', 'keys :1111 --peer 127.0.0.1:2222 --json'))
    .action(async (address: PeerAddress, options: AskOptions & { peer?: string }) => {
      const query = options.peer === undefined ? '' : `?peer=${encodeURIComponent(options.peer)}`
      const found = (await clientFor(address, options).ask(`/state${query}`)) as { readonly keys: readonly string[] }
      const sorted = found.keys.toSorted()
      if (options.json) printJSON(sorted)
      else for (const key of sorted) print(plain(key))
    })
}
