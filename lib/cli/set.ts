import { type Command, Option } from 'commander'
import { jsonOrText, type PeerAddress, wholeNumber } from './shared/arguments.js'
import { type AskOptions, asking, clientFor, examples } from './shared/ask.js'

/** Adds the command `set`: sets, or deletes, a key of a peer. */
export function set(program: Command): void {
  asking(program, 'set')
    .description("set a key of the peer's own; all others will know it")
    .argument('<key>')
    .argument('[value]', 'JSON; what is none is taken as text', jsonOrText)
    .option('--ttl <seconds>', 'after how long it is gone everywhere', wholeNumber(1, 2 ** 31))
    .addOption(new Option('--delete', 'delete the key instead').conflicts('ttl'))
    .addHelpText('after', examples('set :1111 load 0.25', 'set :1111 lease me --ttl 60', 'set :1111 load --delete'))
    .action(async (address: PeerAddress, key: string, value: unknown, options: SetOptions, command: Command) => {
      const client = clientFor(address, options)
      const path = `/state/${encodeURIComponent(key)}`
      if (options.delete) {
        if (value !== undefined) command.error('error: give a value or --delete, not both')
        await client.ask(path, { method: 'DELETE' })
        return
      }
      if (value === undefined) command.error("error: missing required argument 'value'")
      const query = options.ttl === undefined ? '' : `?expiresAt=${Date.now() + options.ttl * 1_000}`
      await client.ask(path + query, { method: 'PUT', json: value })
    })
}

type SetOptions = AskOptions & { ttl?: number; delete?: boolean }
