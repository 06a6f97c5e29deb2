#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { agent } from './agent.js'
import { completion } from './completion.js'
import { demo } from './demo.js'
import { get } from './get.js'
import { hear } from './hear.js'
import { keygen } from './keygen.js'
import { keys } from './keys.js'
import { know } from './know.js'
import { mapper } from './mapper.js'
import { members } from './members.js'
import { ncclient } from './ncclient.js'
import { ncserver } from './ncserver.js'
import { peer } from './peer.js'
import { queue } from './queue.js'
import { say } from './say.js'
import { send } from './send.js'
import { set } from './set.js'
import { simulate } from './simulate.js'
import { start } from './start.js'
import { stop } from './stop.js'
import { top } from './top.js'

/** Each file beside this one adds one command; in this order they stand in the help. */
const commands: readonly ((program: Command) => void)[] = [
  peer, start, stop, send, queue, members, top, get, set, keys, know, say, hear, agent, mapper, ncserver, ncclient,
  simulate, demo, keygen, completion,
]

/** Exit code for arguments that make no sense, as most commands of Unix have it. */
const exitUsage = 2

const manifestURL = new URL(import.meta.resolve('telepathine/package.json'))
const manifest = JSON.parse(readFileSync(manifestURL, 'utf8')) as { version: string }

const program = new Command('telepathine')
  .description('Turns Node.js processes into a cluster with nothing else to run.')
  .version(manifest.version)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(`telepathine: ${oneLine(text)}\n`) })

for (const add of commands) add(program)

/** Commander says `error:` first, and may add a second line with a suggestion. */
function oneLine(text: string): string {
  return text.replace(/^error: /, '').trim().replaceAll(/\s*\n\s*/g, ' ')
}

// Whoever reads has seen enough (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

try {
  if (process.argv.length > 2) await program.parseAsync()
  else program.outputHelp()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : exitUsage
  } else {
    process.stderr.write(`telepathine: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
