import { EventEmitter } from 'node:events'
import { resolve } from 'node:path'
import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import { Channel } from './channel.js'
import type { Client } from './client.js'
import { checkConfig, defaultConfig, type NCConfig, type Settings } from './config.js'
import { Control } from './control.js'
import { Delivery, type Sink } from './delivery.js'
import { SocketFolder } from './folder.js'
import { controlChannel, defaultSocketDir, socketPath } from './names.js'
import { Network } from './network.js'
import { channelOf, decodePacket, messageParts } from './packet.js'
import { printed } from './print.js'
import { routesOf } from './routes.js'

const log = createDebug('telepathine:netcluster')

/** What an {@link NCServer} emits. */
export interface NCServerEvents {
  /**
   * Something went wrong that does not stop it: messages that the network could not take, or did not bring; no
   * multicast. Without a listener it is a process warning.
   */
  error: [error: Error]
}

/**
 * Serves channels to the agents of this machine, passes messages from one to the other, and to the servers of other
 * machines, as its configuration says.
 *
 * ```ts
 * const server = new NCServer()
 * server.config = JSON.parse(readFileSync('config.json', 'utf8'))
 * await server.start()
 * ```
 */
export class NCServer extends EventEmitter<NCServerEvents> {
  /** The configuration: to be set before the start, and replaced by {@link NCServer.reload} afterwards. */
  config: NCConfig = defaultConfig
  readonly #control = new Control({
    showConfig: () => shown(this.config),
    clientsOf: channel => this.#channels.get(channel)?.clients,
    reload: config => this.reload(config),
  })
  readonly #channels = new Map<string, Channel>()
  #settings: Settings | undefined
  #network: Network | undefined
  /** Whom the messages of each channel go to. */
  #routes = new Map<string, { readonly channels: readonly Channel[]; readonly network: Sink | undefined }>()
  /** One start, reload or stop after the other. */
  #changed: Promise<unknown> = Promise.resolve()

  /**
   * Opens the channels and joins the network. With seeds it waits up to 2 s for another server to know it, and goes on
   * alone if there is none. A server that runs stays as it is.
   *
   * @param callback called once it runs, or with the error; the promise says the same, and rejects only without a
   * callback. Nothing is left open then. Errors: TelepathineError `ERR_OPTION` for the configuration, `ERR_DENIED` for
   * a folder that is not one's own; the system's, like `EADDRINUSE` when another server has these channels.
   */
  start(callback?: (error?: Error) => unknown): Promise<void> {
    const started = this.#next(async () => {
      if (this.#settings !== undefined) return
      await this.#apply(this.config)
      await this.#network?.welcomed()
    })
    if (callback === undefined) return started
    return started.then(() => void callback(), (error: unknown) => void callback(error as Error))
  }

  /**
   * Takes another configuration while running: opens channels that are new, closes those that are gone, and applies
   * the new rules to the others, whose agents stay connected. When something is wrong with it, or cannot be opened, it
   * rejects as {@link NCServer.start} does, and all is as it was.
   */
  reload(config: NCConfig): Promise<void> {
    return this.#next(async () => {
      if (this.#settings === undefined) throw new TelepathineError('ERR_STOPPED', 'reload: the server does not run')
      await this.#apply(config)
    })
  }

  /** Closes all: agents are disconnected when they have what waits for them. Resolves when done; `start` may follow. */
  stop(): Promise<void> {
    return this.#next(async () => {
      this.#settings = undefined
      this.#routes.clear()
      const channels = [...this.#channels.values()]
      this.#channels.clear()
      await Promise.all([...channels.map(channel => channel.close()), this.#network?.close()])
      this.#network = undefined
    })
  }

  /** The same as {@link NCServer.stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** The folder of the channels' sockets. */
  get socketdir(): string {
    return resolve(this.config.socketdir ?? defaultSocketDir())
  }

  /** Where servers of other machines reach this one, `host:port`; undefined while it is not in a network. */
  get address(): string | undefined {
    return this.#network?.name
  }

  #next(change: () => Promise<void>): Promise<void> {
    const changed = this.#changed.then(change)
    this.#changed = changed.catch(() => undefined)
    return changed
  }

  async #apply(config: NCConfig): Promise<void> {
    const settings = checkConfig(config)
    const before = this.#settings
    if (before !== undefined && before.socketdir !== settings.socketdir) {
      throw new TelepathineError('ERR_OPTION', 'configuration: socketdir: a running server cannot move; start it anew')
    }
    const added = [...settings.channels.keys()].filter(name => !this.#channels.has(name))
    const opened = await this.#open(added, settings.socketdir)
    try {
      await this.#joinAnew(before, settings)
    } catch (error) {
      await Promise.all(opened.map(channel => channel.close()))
      throw error
    }
    for (const channel of opened) this.#channels.set(channel.name, channel)
    const removed = [...this.#channels.values()].filter(({ name }) => !settings.channels.has(name))
    for (const { name } of removed) this.#channels.delete(name)
    this.config = config
    this.#settings = settings
    this.#route(settings)
    for (const channel of opened) channel.activate()
    await Promise.all(removed.map(channel => channel.close()))
    log('serves %s', [...this.#channels.keys()].join(', '))
  }

  /** Opens all of these channels, or none. */
  #open(names: readonly string[], socketdir: string | undefined): Promise<Channel[]> {
    return new SocketFolder(socketdir).exclusively(async () => {
      const opened: Channel[] = []
      try {
        for (const name of names) {
          const path = socketPath(socketdir, name)
          opened.push(await Channel.open(name, path, (client, messages) => this.#fromAgent(client, messages)))
        }
        return opened
      } catch (error) {
        await Promise.all(opened.map(channel => channel.close()))
        throw error
      }
    })
  }

  /**
   * Leaves the network and joins the one that is configured now, if that is another; stays in the old one if it fails.
   */
  async #joinAnew(before: Settings | undefined, settings: Settings): Promise<void> {
    if (before !== undefined && networkOf(before) === networkOf(settings)) return
    await this.#network?.close()
    this.#network = undefined
    try {
      this.#network = await this.#join(settings)
    } catch (error) {
      if (before !== undefined) this.#network = await this.#join(before)
      if (before !== undefined) this.#route(before)
      throw error
    }
  }

  async #join(settings: Settings): Promise<Network | undefined> {
    if (!settings.connecttonet) return undefined
    return Network.open(settings, {
      arrived: messages => this.#fromNetwork(messages),
      failed: error => this.#report(error),
    })
  }

  #route(settings: Settings): void {
    this.#routes = new Map([...routesOf(settings.channels)].map(([name, targets]) => {
      const channels = targets.map(target => this.#channels.get(target)).filter(channel => channel !== undefined)
      return [name, { channels, network: settings.channels.get(name)?.propagatetonet ? this.#network : undefined }]
    }))
  }

  #fromAgent(client: Client, messages: readonly Uint8Array[]): void {
    if (this.#settings?.channels.get(client.channel)?.dumptoconsole) print(messages)
    const delivery = new Delivery(messages, client.unsettled(messages))
    const route = this.#routes.get(client.channel)
    for (const channel of route?.channels ?? []) channel.deliver(delivery, client)
    route?.network?.deliver(delivery)
    delivery.release()
    if (client.channel !== controlChannel || this.#settings?.startcontrol !== true) return
    for (const message of messages) this.#control.take(client, message)
  }

  /**
   * To the agents of its channel here, and by that channel's rules; never back to the network, and not to `control`.
   */
  #fromNetwork(messages: readonly Uint8Array[]): void {
    if (this.#settings?.dumpnet) print(messages)
    for (const [name, group] of runs(messages)) {
      if (name === controlChannel) continue
      const delivery = new Delivery(group, () => undefined)
      for (const channel of this.#routes.get(name)?.channels ?? []) channel.deliver(delivery, undefined)
      delivery.release()
    }
  }

  #report(error: Error): void {
    log('%s', error.message)
    if (this.listenerCount('error') > 0) this.emit('error', error)
    else process.emitWarning(error)
  }
}

/** Messages that follow each other on one channel, together. */
function runs(messages: readonly Uint8Array[]): [channel: string, messages: Uint8Array[]][] {
  const groups: [string, Uint8Array[]][] = []
  for (const message of messages) {
    const channel = channelOf(message, messageParts(message)?.channelEnd ?? 0)
    const last = groups.at(-1)
    if (last?.[0] === channel) last[1].push(message)
    else groups.push([channel, [message]])
  }
  return groups
}

/** All that tells one network from another. */
function networkOf({ connecttonet, addr, port, seeds, listen, cluster, network }: Settings): string {
  return connecttonet ? JSON.stringify([addr, port, seeds, listen, cluster, network]) : ''
}

/** A configuration for others to see. */
function shown(config: NCConfig): object {
  return config.network === undefined ? config : { ...config, network: '(secret)' }
}

function print(messages: readonly Uint8Array[]): void {
  for (const message of messages) {
    try {
      console.log(printed(decodePacket(message)))
    } catch (error) {
      log('cannot be printed: %s', error)
    }
  }
}
