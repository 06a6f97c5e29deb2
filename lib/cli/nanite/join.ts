import type { Command } from 'commander'
import { Telepathine, type TelepathineOptions } from '../../index.js'
import { several, wholeNumber } from '../shared/arguments.js'
import { configurable } from '../shared/config.js'
import { plain } from '../shared/output.js'

/** How a command's own peer joins a cluster. */
export interface JoinOptions {
  readonly seed?: readonly string[]
  readonly address?: string
  readonly port: number
  readonly cluster?: string
  readonly network?: readonly string[]
}

/** Adds the options that say which cluster to join, and as whom. */
export function joining(command: Command): Command {
  return configurable(command)
    .option('--seed <host:port>', 'some other peer; tried for as long as it runs (may be repeated)', several)
    .option('--address <host>', 'what others call this machine, if not 127.0.0.1')
    .option('--port <number>', 'port for TCP and UDP; 0 takes a free one', wholeNumber(0, 65_535), 0)
    .option('--cluster <name>', 'peers of clusters with different names never mix')
    .option('--network <key>', 'the key of a closed cluster; several: the first seals, all open', several)
}

/** Starts a peer. */
export async function join({ seed, address, port, cluster, network }: JoinOptions): Promise<Telepathine> {
  const options: TelepathineOptions = {
    ...(address !== undefined && { address }),
    ...(cluster !== undefined && { cluster }),
    ...(network !== undefined && { network }),
  }
  const peer = await new Telepathine(port, seed, options).start().ready()
  peer.on('error', (error) => process.stderr.write(`telepathine: ${plain(error.message)}\n`))
  return peer
}
