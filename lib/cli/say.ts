import type { Command } from 'commander'
import { jsonOrText, type PeerAddress } from './shared/arguments.js'
import { type AskOptions, asking, clientFor, examples } from './shared/ask.js'

/** Adds the command `say`: has a peer say an event. */
export function say(program: Command): void {
  asking(program, 'say')
    .description('have a peer say an event, which all others hear')
    .argument('<event>')
    .argument('[data]', 'JSON; what is none is taken as text', jsonOrText)
    .addHelpText('after', examples('say :1111 order:new \'{"id":42}\'', 'say :1111 greeting hello'))
    .action(async (address: PeerAddress, event: string, data: unknown, options: AskOptions) => {
      const path = `/events/${encodeURIComponent(event)}`
      await clientFor(address, options).ask(path, { method: 'POST', json: data ?? null })
    })
}
