import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { deployApp, findApp, type Manifest, packApp, type SignedManifest, tryApp } from '../apps/index.js'
import { appName, type PeerAddress, wholeNumber } from './shared/arguments.js'
import { type AskOptions, asking, clientFor, examples, interruption } from './shared/ask.js'
import type { PeerClient } from './shared/client.js'
import { plain, print, printJSON, Progress } from './shared/output.js'
import { follow, summarize } from './shared/rollout.js'

interface StartOptions extends AskOptions {
  readonly sign?: string
  readonly peers?: number
  readonly cluster: string
  readonly rollback?: boolean
  readonly trial: boolean
  readonly timeout: number
}

/** Adds the command `start`: runs a worker app on every peer. */
export function start(program: Command): void {
  asking(program, 'start')
    .description('run a worker app on every peer')
    .argument('<app>', 'apps/<folder>/<worker>')
    .option('--sign <file>', 'deploy what lies here, signed with this private key (telepathine keygen --deploy)')
    .option('--peers <number>', 'on so many peers only', wholeNumber(1, 100_000))
    .option('--rollback', 'go back to the version before, which peers keep; takes --sign')
    .option('--cluster <name>', 'the cluster that it is signed for', 'telepathine')
    .option('--no-trial', 'do not try it here first')
    .option('--timeout <seconds>', 'how long to wait for the peers', wholeNumber(1, 86_400), 60)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `\nWithout --sign it runs what each peer has in its own apps folder, or what was deployed last.\n${examples(
        'start :1111 apps/wordcount/counter',
        'start :1111 apps/wordcount/counter --sign deploy.pem --peers 3',
        'start :1111 apps/wordcount/counter --sign deploy.pem --rollback',
      )}`,
    )
    .action(async (address: PeerAddress, path: string, options: StartOptions, command: Command) => {
      const app = appName(path)
      if (options.rollback && options.sign === undefined) command.error('error: --rollback takes --sign')
      const client = clientFor(address, options)
      const progress = new Progress()
      const key = options.sign === undefined ? undefined : await readKey(options.sign)
      // what was unpacked to be tried here must not be left behind
      const signal = interruption()
      const deploying = key === undefined ? undefined : deploy(client, app, path, key, options, progress, signal)
      const hash = await deploying?.catch((error: unknown) => {
        throw signal.aborted ? new Error('interrupted', { cause: error }) : error
      })
      const { peers } = options
      const json = { ...(hash !== undefined && { hash }), ...(peers !== undefined && { peers }) }
      const { order } = (await client.ask(`/apps/${app}`, { method: 'PUT', json })) as { order: string }
      const rollout = await follow(client, app, order, 'running', options.timeout * 1_000, progress, signal)
      if (options.json) printJSON(rollout)
      else summarize(rollout, 'running')
      if (!rollout.complete) throw new Error(`${app} does not run everywhere`)
    })
}

/** Brings the app to the peer; resolves to the hash of its manifest. */
async function deploy(
  client: PeerClient, app: string, path: string, privateKey: string, options: StartOptions, progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const [folder = ''] = app.split('/')
  const { versions } = (await client.ask(`/apps/${folder}`)) as { versions: readonly SignedManifest[] }
  const known = versions.map(({ text }) => JSON.parse(text) as Manifest)
  const version = (known[0]?.version ?? 0) + 1
  const signing = { app: folder, version, cluster: options.cluster, privateKey }
  const tell = (text: string): void => (options.json ? undefined : print(plain(text)))
  if (options.rollback) {
    const before = known[1]
    if (!before) throw new Error(`${client.name} keeps no version of ${folder} to go back to`)
    tell(`goes back to what was version ${before.version}, as version ${version}`)
    return send(client, deployApp(before, signing), progress, signal)
  }
  const source = dirname(resolve(path))
  if (!existsSync(source)) throw new Error(`there is no folder ${source}: give the path to the app as it lies here`)
  progress.show(`packing ${source}`)
  // before there is a copy: what is missing is missing here
  await findApp(app, source)
  await using packed = await packApp(source, { signal })
  progress.clear()
  const leftOut = packed.leftOut.length === 0 ? '' : `, without ${packed.leftOut.slice(0, 5).join(', ')}`
  const more = packed.leftOut.length > 5 ? ` and ${packed.leftOut.length - 5} more` : ''
  tell(`packed ${packed.files} files, ${size(packed.bytes)}, as version ${version}${leftOut}${more}`)
  if (options.trial) {
    progress.show(`trying ${app} here`)
    await tryApp(app, packed.folder)
    progress.clear()
    signal.throwIfAborted()
    tell('it starts here')
  }
  const { archive, ...rest } = packed
  const isThere = known.some(({ sha256 }) => sha256 === packed.sha256)
  return await send(client, deployApp(isThere ? rest : { ...rest, archive }, signing), progress, signal)
}

async function send(
  client: PeerClient, deployment: ReturnType<typeof deployApp>, progress: Progress, signal: AbortSignal,
): Promise<string> {
  const { bytes, body, hash } = deployment
  async function* counted(): AsyncGenerator<Uint8Array> {
    let sent = 0
    for await (const chunk of body() as AsyncIterable<Uint8Array>) {
      yield chunk
      sent += chunk.length
      progress.show(`sending: ${size(sent)} of ${size(bytes)}`)
    }
  }
  const from = Readable.from(counted(), { objectMode: false })
  const upload = { type: 'application/vnd.telepathine.app', bytes, from }
  await client.ask('/deploy', { method: 'POST', upload, signal })
  progress.clear()
  return hash
}

async function readKey(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Error(`cannot read the key in ${file}: ${(error as Error).message}`, { cause: error })
  }
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
