import type { Command } from 'commander'
import { type PeerAddress, wholeNumber } from './arguments.js'
import { type AskOptions, asking, clientFor, interruption } from './ask.js'
import type { Line } from './client.js'
import { print, printJSON } from './output.js'

/** A command that prints what comes, until Ctrl-C. */
export interface Following {
  readonly name: 'hear' | 'know'
  readonly description: string
  /** What the pattern is one of. */
  readonly of: string
  /** One line for people. */
  readonly show: (line: Line) => string
}

/** Adds a command that follows what a peer hears or knows. */
export function following(program: Command, { name, description, of, show }: Following): Command {
  return asking(program, name)
    .description(description)
    .argument('[pattern]', `${of}; * stands for one part between colons, ** for any number`, '**')
    .option('--count <number>', 'end after so many', wholeNumber(1, 2 ** 31))
    .option('--json', 'print a line of JSON for each')
    .action(async (address: PeerAddress, pattern: string, options: AskOptions & { count?: number }) => {
      const client = clientFor(address, options)
      const interrupted = interruption()
      let left = options.count ?? Infinity
      try {
        const path = `/events?${name}=${encodeURIComponent(pattern)}`
        for await (const line of client.follow(path, { signal: interrupted })) {
          if (line.type === 'end') throw new Error(`${client.name} has stopped`)
          if (line.type === 'missed') {
            process.stderr.write(`telepathine: too slow to read, ${String(line['count'])} missed\n`)
            continue
          }
          if (options.json) printJSON(withoutType(line))
          else print(show(line))
          if (--left === 0) return
        }
        throw new Error(`${client.name} has stopped`)
      } catch (error) {
        if (!interrupted.aborted) throw error
      }
    })
}

function withoutType({ type: _, ...fields }: Line): object {
  return fields
}
