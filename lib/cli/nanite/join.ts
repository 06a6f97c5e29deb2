import { readFileSync } from 'node:fs'
import { InvalidArgumentError, type Command } from 'commander'
import { Telepathine, type TelepathineOptions } from '../../index.js'

/** How a command's own peer joins a cluster. */
export interface JoinOptions {
  readonly seed?: readonly string[]
  readonly address?: string
  readonly port: number
  readonly cluster?: string
  readonly networkKey?: string
}

/** Adds the options that say which cluster to join, and as whom. */
export function joining(command: Command): Command {
  return command
    .option('--seed <host:port>', 'some other peer; tried for as long as it runs (may be repeated)', several)
    .option('--address <host>', 'what others call this machine, if not 127.0.0.1')
    .option('--port <number>', 'port for TCP and UDP; 0 takes a free one', wholeNumber(0, 65_535), 0)
    .option('--cluster <name>', 'peers of clusters with different names never mix')
    .option('--network-key <file>', 'file with the key of the cluster, as keygen --out writes it')
}

/** Starts a peer. */
export async function join({ seed, address, port, cluster, networkKey }: JoinOptions): Promise<Telepathine> {
  const options: TelepathineOptions = {
    ...(address !== undefined && { address }),
    ...(cluster !== undefined && { cluster }),
    ...(networkKey !== undefined && { network: readFileSync(networkKey, 'utf8').trim().split('\n') }),
  }
  const peer = await new Telepathine(port, seed, options).start().ready()
  peer.on('error', (error) => process.stderr.write(`telepathine: ${error.message}\n`))
  return peer
}

/** Gathers an option that may be given several times. */
export function several(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text]
}

/** Makes a reader of whole numbers within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`allowed: a whole number in ${min}..${max}.`)
  }
}
