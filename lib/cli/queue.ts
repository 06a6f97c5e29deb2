import type { Command } from 'commander'
import type { PeerAddress } from './shared/arguments.js'
import { type AskOptions, asking, clientFor, examples } from './shared/ask.js'
import { printJSON, printTable, printValue, shortAge } from './shared/output.js'

interface QueueOptions extends AskOptions {
  readonly retry?: string
  readonly discard?: string
  readonly outcome?: string
}

interface Queued {
  readonly name: string
  readonly waiting: number
  readonly delayed?: number
  readonly running?: number
  readonly dead?: number
}

interface Dead {
  readonly token: string
  readonly enqueuedAt: number
  readonly attempts: number
  readonly error: { readonly code: string; readonly message: string }
}

/** Adds the command `queue`: what waits in a peer's queue, and what was given up there. */
export function queue(program: Command): void {
  asking(program, 'queue')
    .description('show the jobs that wait in the queue of a peer, or the dead ones of a name')
    .argument('[name]', 'a job, or apps/<folder>/<worker>: its dead letters')
    .option('--outcome <token>', 'print what came of a job')
    .option('--retry <token>', 'give a dead job all its attempts again')
    .option('--discard <token>', 'drop a dead job')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('queue :1111', 'queue :1111 invoice', 'queue :1111 --retry TOKEN'))
    .action(async (address: PeerAddress, name: string | undefined, options: QueueOptions) => {
      const client = clientFor(address, options)
      const { retry, discard, outcome, json } = options
      if (retry !== undefined) {
        return void (await client.ask(`/retries/${encodeURIComponent(retry)}`, { method: 'POST' }))
      }
      if (discard !== undefined) {
        return void (await client.ask(`/jobs/${encodeURIComponent(discard)}`, { method: 'DELETE' }))
      }
      if (outcome !== undefined) {
        const { status, value } = await client.look(`/jobs/${encodeURIComponent(outcome)}`)
        if (status === 202) throw new Error(`${outcome} has no outcome yet`)
        return json ? printJSON(value ?? null) : printValue(value ?? null)
      }
      const found = await client.ask(name === undefined ? '/queues' : `/queues/${encodeURIComponent(name)}`)
      if (json) return printJSON(found)
      return name === undefined ? printQueues(found as readonly Queued[]) : printDead(found as readonly Dead[])
    })
}

function printQueues(queues: readonly Queued[]): void {
  // an engine may not tell all of it
  const cell = (count: number | undefined): string => (count === undefined ? '?' : String(count))
  const rows = queues.map(({ name, waiting, delayed, running, dead }) => {
    return [name, cell(waiting), cell(delayed), cell(running), cell(dead)]
  })
  printTable(['JOB', 'WAITING', 'DELAYED', 'RUNNING', 'DEAD'], rows)
}

function printDead(letters: readonly Dead[]): void {
  const now = Date.now()
  const rows = letters.map(({ token, enqueuedAt, attempts, error }) => {
    return [token, shortAge(now - enqueuedAt), String(attempts), `${error.code}: ${error.message}`]
  })
  printTable(['TOKEN', 'AGE', 'ATTEMPTS', 'ERROR'], rows)
}
