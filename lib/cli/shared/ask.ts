import { type Command, Option } from 'commander'
import { peerAddress, type PeerAddress } from './arguments.js'
import { PeerClient } from './client.js'

/** Options of every command that asks a peer. */
export interface AskOptions {
  readonly token?: string
  readonly json?: boolean
}

/** Adds a command that asks a peer over HTTP: its first argument is where. */
export function asking(program: Command, name: string): Command {
  return program
    .command(name)
    .argument('<host:port>', 'any peer that serves HTTP', peerAddress)
    .addOption(new Option('--token <token>', 'what the peer asks for').env('TELEPATHINE_TOKEN'))
}

/** Who asks the peer at `address`. */
export function clientFor(address: PeerAddress, options: AskOptions): PeerClient {
  return new PeerClient(address, options.token)
}

/** The text that `--help` ends with. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  telepathine ${line}`).join('\n')}`
}

/** Aborts at Ctrl-C, so that what follows a peer can end in order. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort())
  return controller.signal
}
