import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { AppHost } from '../apps/index.js'
import { Telepathine, type TelepathineOptions } from '../index.js'
import { Dispatcher, openQueue } from '../work/index.js'
import { jsonOrText, peerAddress, type PeerAddress, several, wholeNumber } from './shared/arguments.js'
import { examples } from './shared/ask.js'
import { configurable } from './shared/config.js'
import { plain, print, printJSON } from './shared/output.js'

interface PeerOptions {
  readonly bind?: string
  readonly network?: readonly string[]
  readonly cluster?: string
  readonly token?: string
  readonly private?: boolean
  readonly httpHost?: readonly string[]
  readonly legacy?: boolean
  readonly maxBodyBytes?: number
  readonly data: string
  readonly apps: string | false
  readonly deployKey?: readonly string[]
  readonly appEnv?: readonly string[]
  readonly queue?: string
  readonly preset?: 'local' | 'lan' | 'wan'
  readonly udp: boolean
  readonly metadata?: unknown
  readonly json?: boolean
}

/** What becomes of apps here, as far as a person wants to know. */
const words: Readonly<Record<string, string>> = {
  running: 'runs',
  waiting: 'crashed and will be started again',
  failed: 'does not run',
  stopped: 'is stopped',
}

/** How long a goodbye may take before the process ends without: an app that does not end is killed before that. */
const stopMs = 10_000

/** Adds the command `peer`: runs a peer until Ctrl-C. */
export function peer(program: Command): void {
  const command = program
    .command('peer')
    .description('run a peer, until Ctrl-C')
    .argument('<host:port>', 'where others reach it; port 0 takes a free one', peerAddress)
    .argument('[seed...]', 'some other peers, host:port each; tried for as long as the peer runs')
    .option('--bind <host>', 'where it listens, if not at its own address')
    .option('--network <key>', 'the key of a closed cluster; several: the first seals, all open', several)
    .option('--cluster <name>', 'peers of clusters with different names never mix')
    .option('--token <token>', 'what clients must send to change or run something')
    .option('--private', 'reading takes the token too')
    .option('--http-host <name>', 'a further host name that clients may use (may be repeated)', several)
    .option('--legacy', "answer the original's POST /hello, /start and /stop as well")
    .option('--max-body-bytes <number>', 'largest request body of JSON', wholeNumber(1_024, 2 ** 30))
    .option('--data <dir>', 'where it keeps what outlives it', '.telepathine')
    .option('--apps <dir>', 'where it has worker apps of its own', 'apps')
    .option('--no-apps', 'run no worker apps')
    .option('--deploy-key <file>', 'take code signed with this public key (may be repeated)', several)
    .option('--app-env <name>', 'a variable of the environment that apps may see (may be repeated)', several)
    .option('--queue <url>', 'durable work: file:<folder>, nats://<host> or amqp://<host>; needs its package installed')
    .addOption(new Option('--preset <name>', 'which network it is in').choices(['local', 'lan', 'wan']))
    .option('--no-udp', 'use connections only')
    .option('--metadata <json>', 'what all others get to know about it', jsonOrText)
    .option('--json', 'print what happens as lines of JSON')
    .addHelpText('after', '\nSecrets are better given in the environment: others see what stands on a command line.')
    .addHelpText('after', examples('peer :1111', 'peer :2222 :1111', 'peer 10.0.0.2:1111 10.0.0.1:1111 --token SECRET'))
    .action(run)
  configurable(command)
}

async function run(address: PeerAddress, seeds: readonly string[], options: PeerOptions): Promise<void> {
  const folder = await folderFor(address, resolve(options.data))
  const self = new Telepathine(address.port, seeds, settings(address, folder, options))
  const leaving = new Promise<void>((leave) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        leave()
        // whoever asks twice means it
        process.once(signal, () => process.exit(1))
      })
    }
  })
  const tell = options.json ? tellJSON : tellPerson
  // what happens before it has said its own name is told after that
  let introduced: () => void = () => undefined
  const introduction = new Promise<void>((done) => (introduced = done))
  self.on('peer:start', (name) => introduction.then(() => tell('start', name)))
  self.on('peer:stop', (name, reason) => introduction.then(() => tell('stop', name, reason)))
  await self.start().ready()
  // a failure to bind has gone to `ready()`
  self.on('error', (error) => process.stderr.write(`telepathine: ${plain(error.message)}\n`))
  const queue = options.queue === undefined ? undefined : await openQueue(options.queue)
  const work = queue && new Dispatcher(self, { queue })
  const host = options.apps === false ? undefined : await hostApps(self, folder, options.apps, options)
  introduce(self, seeds, options)
  introduced()
  await leaving
  const timer = setTimeout(() => process.exit(1), stopMs).unref()
  await host?.stop()
  await work?.stop({ grace: 0 })
  await queue?.close()
  await self.stop()
  clearTimeout(timer)
  if (address.port === 0) await rm(folder, { recursive: true, force: true })
}

async function hostApps(self: Telepathine, folder: string, apps: string, options: PeerOptions): Promise<AppHost> {
  const { deployKey = [], appEnv = [], json, legacy } = options
  const deployKeys = await Promise.all(deployKey.map((file) => readFile(file, 'utf8')))
  const host = new AppHost(self, { apps, data: join(folder, 'apps'), deployKeys, env: appEnv, legacy: legacy ?? false })
  host.on('output', (app, line) => {
    if (json) printJSON({ type: 'output', app, line })
    else print(plain(`[${app}] ${line}`))
  })
  const told = new Map<string, string>()
  host.on('state', (app, { state, error }) => {
    if (!json && !(state in words)) return
    if ((told.get(app) ?? 'stopped') === state) return
    told.set(app, state)
    if (json) {
      printJSON({ type: 'app', app, state, ...(error !== undefined && { error }) })
    } else {
      print(plain(`* ${app} ${words[state]}${error === undefined ? '' : `: ${error}`}`))
    }
  })
  host.on('refused', ({ app, reason }) => process.stderr.write(`telepathine: refused ${plain(`${app}: ${reason}`)}\n`))
  return host.start()
}

/** Each peer has its own, so that several can share a place. One without a port of its own keeps nothing. */
async function folderFor({ host, port }: PeerAddress, data: string): Promise<string> {
  await mkdir(data, { recursive: true, mode: 0o700 })
  if (port === 0) return mkdtemp(join(data, 'temporary-'))
  const folder = join(data, `${host.replaceAll(':', '-')}-${port}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return folder
}

function settings(address: PeerAddress, folder: string, options: PeerOptions): TelepathineOptions {
  const { token, legacy, maxBodyBytes, httpHost, bind, network, cluster, preset, metadata } = options
  return {
    address: address.host,
    snapshot: join(folder, 'snapshot.json'),
    udp: options.udp,
    ...(bind !== undefined && { bind }),
    ...(network && { network }),
    ...(cluster !== undefined && { cluster }),
    ...(preset !== undefined && { preset }),
    ...(metadata !== undefined && { metadata }),
    http: {
      private: options.private ?? false,
      // nobody else in this process does
      processMetrics: true,
      legacy: legacy ?? false,
      ...(token !== undefined && { token }),
      ...(httpHost && { hosts: httpHost }),
      ...(maxBodyBytes !== undefined && { maxBodyBytes }),
    },
  }
}

/** What a person needs to know: its name, where to look, how to join. */
function introduce(self: Telepathine, seeds: readonly string[], options: PeerOptions): void {
  if (options.json) return printJSON({ type: 'up', name: self.name, page: `http://${self.name}/`, pid: process.pid })
  print(`${self.name} is up`)
  print(`  look at it:  http://${self.name}/`)
  print(`  join it:     telepathine peer <host:port> ${self.name}`)
  if (seeds.length > 0) print(`  joins:       ${seeds.join(' ')}`)
  return print('  leave:       Ctrl-C')
}

type What = 'start' | 'stop'

function tellJSON(type: What, name: string, reason?: string): void {
  printJSON({ type, peer: name, ...(reason !== undefined && { reason }) })
}

function tellPerson(what: What, name: string, reason?: string): void {
  print(what === 'start' ? `+ ${name} is there` : `- ${name} ${reason === 'left' ? 'left' : 'does not answer'}`)
}
