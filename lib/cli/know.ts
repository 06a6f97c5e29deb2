import type { Command } from 'commander'
import { examples } from './shared/ask.js'
import { following } from './shared/follow.js'
import { plain } from './shared/output.js'

/** Adds the command `know`: prints keys as they are set. */
export function know(program: Command): void {
  following(program, {
    name: 'know',
    description: 'print the keys that peers set, as they are set, until Ctrl-C',
    of: 'a key',
    show: ({ peer, key, value }) => plain(`${String(peer)} ${String(key)} ${JSON.stringify(value)}`),
  }).addHelpText('after', examples('know :1111', "know :1111 'price:*' --json"))
}
