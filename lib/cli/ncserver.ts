import type { Command } from 'commander'
import { NCServer, readConfig } from '../netcluster/index.js'

/** Adds the command `ncserver`: the server of this machine's channels. */
export function ncserver(program: Command): void {
  program
    .command('ncserver')
    .description('serve channels to the processes of this machine')
    .argument('[config]', 'configuration file, JSON with comments; without one: channels control, A and B, no network')
    .addHelpText('after', '\nSIGHUP reads the configuration file again; SIGINT and SIGTERM stop the server.')
    .action(run)
}

async function run(path: string | undefined): Promise<void> {
  const server = new NCServer()
  server.on('error', warn)
  if (path !== undefined) server.config = await readConfig(path)
  const asked = new Promise<void>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  if (path !== undefined) process.on('SIGHUP', () => void reload(server, path))
  await server.start()
  process.stdout.write(`${status(server)}\n`)
  await asked
  await server.stop()
}

async function reload(server: NCServer, path: string): Promise<void> {
  try {
    await server.reload(await readConfig(path))
    process.stdout.write(`${status(server)}\n`)
  } catch (error) {
    warn(error as Error)
  }
}

function status(server: NCServer): string {
  const channels = Object.keys(server.config.channels).join(', ')
  const network = server.address === undefined ? 'no network' : `network at ${server.address}`
  return `channels ${channels} in ${server.socketdir}; ${network}`
}

function warn(error: Error): void {
  process.stderr.write(`telepathine: ${error.message}\n`)
}
