import type { Command } from 'commander'
import { examples } from './shared/ask.js'
import { following } from './shared/follow.js'
import { plain } from './shared/output.js'

/** Adds the command `hear`: prints events as they are said. */
export function hear(program: Command): void {
  following(program, {
    name: 'hear',
    description: 'print what peers say, as it is said, until Ctrl-C',
    of: 'an event',
    show: ({ event, from, data }) => plain(`${String(from)} ${String(event)} ${JSON.stringify(data)}`),
  }).addHelpText('after', examples('hear :1111', "hear :1111 'order:*' --json"))
}
