import type { Command } from 'commander'
import type { PeerAddress } from './shared/arguments.js'
import { type AskOptions, asking, clientFor, examples } from './shared/ask.js'
import { printJSON, printTable, shortAge } from './shared/output.js'

interface Member {
  readonly name: string
  readonly state: string
  readonly self: boolean
  readonly since: number
  readonly metadata?: unknown
}

/** Adds the command `members`: who is there, as a peer sees it. */
export function members(program: Command): void {
  asking(program, 'members')
    .description('list the peers that a peer knows, and whether they live')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('members :1111', 'members :1111 --json'))
    .action(async (address: PeerAddress, options: AskOptions) => {
      const found = (await clientFor(address, options).ask('/peers')) as readonly Member[]
      if (options.json) return printJSON(found)
      const now = Date.now()
      const rows = found.map(({ name, state, self, since, metadata }) => {
        const more = metadata === undefined || metadata === null ? '' : JSON.stringify(metadata)
        return [name, state, shortAge(now - since), [self ? '(asked)' : '', more].filter(Boolean).join(' ')]
      })
      return printTable(['PEER', 'STATE', 'FOR', ''], rows)
    })
}
