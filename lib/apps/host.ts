import { EventEmitter } from 'node:events'
import { join, resolve } from 'node:path'
import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import { describe } from '../describe.js'
import { channels } from '../diagnostics.js'
import { routesOf } from '../http/routes.js'
import { familiesOf } from '../metrics/families.js'
import type { Telepathine } from '../telepathine.js'
import { Dispatcher } from '../work/index.js'
import { appFamilies } from './metrics.js'
import { manifestHash, type SignedManifest, Trust } from './manifest.js'
import { Orders } from './orders.js'
import { appRoutes, legacyRoutes } from './routes.js'
import { serviceOf, Slot, type SlotOwner } from './slot.js'
import { checkAppName } from './spec.js'
import { Store } from './store.js'
import { Supply } from './supply.js'
import { turnOf } from './turns.js'
import {
  chosenPeers, isLater, newOrder, rankedPeers, readStanding, readWant, type Standing, standingKey, type Want,
  wantedApp, wantKey,
} from './wants.js'

const log = createDebug('telepathine:apps')

/** What may be given to `new AppHost(peer, options)`. */
export interface AppHostOptions {
  /** Where this peer has apps of its own, which need no signature: `<apps>/<folder>/<worker>`. Default `apps`. */
  apps?: string
  /** Where deployed apps are kept. Default `.telepathine/apps`. Not to be shared with another peer. */
  data?: string
  /**
   * Public keys (Ed25519, PEM) of those who may deploy code to this peer. Default none: it takes no code. They are not
   * told to others.
   */
  deployKeys?: readonly string[]
  /** Names of environment variables that apps may see, beside `PATH`, `HOME` and other harmless ones. Default none. */
  env?: readonly string[]
  /** Most apps at a time; 1 to 1,000, default 64. */
  maxApps?: number
  /** Whether to answer the original's `POST /start`, `/stop`, `/masterStart` and `/masterStop`. Default false. */
  legacy?: boolean
}

/** How to start an app. */
export interface StartOptions {
  /** On so many peers, which are chosen by lot; default: on all. */
  peers?: number
  /** The hash of a manifest that was deployed; default: what ran last, or else what each peer has in its own folder. */
  hash?: string
}

/** What is known of an app. */
export interface AppInfo {
  /** `folder/worker`. */
  readonly name: string
  /** What the cluster is to do with it. */
  readonly want: Want
  /** The peers that are to run it. */
  readonly chosen: readonly string[]
  /** How far each is, by peer. */
  readonly peers: Readonly<Record<string, Standing>>
}

/** Code that a peer did not take. */
export interface CodeRefusal {
  /** The app, as far as that is known. */
  readonly app: string
  /** Why, for people to read. */
  readonly reason: string
}

/** The events of an {@link AppHost} and their arguments. */
export interface AppHostEvents {
  /** An app here is in another state. */
  state: [app: string, standing: Standing]
  /** A line that an app here printed. */
  output: [app: string, line: string]
  /** Code was refused. */
  refused: [refusal: CodeRefusal]
}

/** Changes among the peers are looked at together. */
const gatherMs = 100
/** … and now and then anyway: who hosts apps may become known late. */
const lookMs = 2_000
/** After a start the others are heard first: what this peer remembers may be long out of date. */
const hearFirstMs = 2_000

/**
 * Runs worker apps on a peer: programs that take messages with `process.on('message')` and answer with
 * `process.send()`, one process each. What the cluster is to run is shared state, which every host follows; so an app
 * that is started anywhere runs everywhere, also on peers that join later. From anywhere it is given tasks as the
 * service `apps/<folder>/<worker>` of a `Dispatcher`, or over HTTP as `POST /apps/<folder>/<worker>`.
 *
 * Code comes from other peers only if it is signed by a deploy key that this peer was given.
 */
export class AppHost extends EventEmitter<AppHostEvents> {
  readonly #peer: Telepathine
  readonly #work: Dispatcher
  readonly #store: Store
  readonly #supply: Supply
  /** What the cluster is to run, as far as this peer has heard. */
  readonly #orders: Orders
  /** Bounded by the orders. */
  readonly #slots = new Map<string, Slot>()
  /** How often each app failed here. Bounded by `maxApps`, as the slots are. */
  readonly #failures = new Map<string, number>()
  readonly #states = new Map<string, Standing['state']>()
  readonly #owner: SlotOwner
  readonly #maxApps: number
  readonly #legacy: boolean
  readonly #offs: (() => void)[] = []
  /** Those who wait for another peer to be elsewhere with an app. */
  readonly #watchers = new Set<() => void>()
  /** Orders of an earlier life count from then on. */
  #remembersAt = Infinity
  #timer: NodeJS.Timeout | undefined
  #stopped: Promise<void> | undefined

  /** @throws TelepathineError `ERR_OPTION` */
  constructor(peer: Telepathine, options: AppHostOptions = {}) {
    super()
    const { apps = 'apps', data = '.telepathine/apps', deployKeys = [], env = [], maxApps = 64 } = options
    if (!Number.isInteger(maxApps) || maxApps < 1 || maxApps > 1_000) {
      const allowed = 'a whole number in 1..1000'
      throw new TelepathineError('ERR_OPTION', `maxApps: ${describe(maxApps)} given, allowed: ${allowed}`)
    }
    this.#peer = peer
    this.#maxApps = maxApps
    this.#legacy = options.legacy ?? false
    this.#work = new Dispatcher(peer)
    this.#store = new Store(resolve(data), new Trust(deployKeys, peer.cluster), (sha256) => this.#runs(sha256))
    this.#orders = new Orders(join(resolve(data), 'orders.json'))
    this.#supply = new Supply(this.#work, this.#store)
    this.#owner = {
      work: this.#work,
      store: this.#store,
      supply: this.#supply,
      folder: resolve(apps),
      variables: env,
      holders: (app, hash) => this.#holders(app, hash),
      turn: (app, want, signal) => this.#turn(app, want, signal),
      stands: (app, standing) => this.#stands(app, standing),
      news: (app, value) => this.#say(`apps:news:${app}`, value),
      printed: (app, line) => this.emit('output', app, line),
      refused: (app, error) => this.#refused(app, error),
    }
  }

  /** Begins: from here on this peer follows what the cluster wants. Resolves once it does. */
  async start(): Promise<this> {
    await this.#store.open()
    await this.#orders.load(Date.now())
    this.#remembersAt = performance.now() + hearFirstMs
    this.#supply.open()
    const look = (): void => this.#lookSoon()
    this.#offs.push(
      this.#peer.believe(`${wantKey}*`, (_, value, key) => this.#heard(key, value)),
      this.#peer.know(`${standingKey}*`, look),
    )
    for (const event of ['peer:start', 'peer:stop'] as const) {
      this.#peer.on(event, look)
      this.#offs.push(() => this.#peer.off(event, look))
    }
    this.#offs.push(routesOf(this.#peer).add([...appRoutes(this), ...(this.#legacy ? legacyRoutes(this) : [])]))
    const routes = routesOf(this.#peer)
    routes.processes = () => this.#running()
    routes.apps = () => this.apps()
    routes.expects = (service) => this.#expects(service)
    this.#offs.push(() => (routes.expects = () => false))
    this.#offs.push(familiesOf(this.#peer).add(appFamilies(this.#states, this.#failures)))
    const repeated = setInterval(() => this.#look(), lookMs).unref()
    this.#offs.push(() => clearInterval(repeated))
    this.#look()
    return this
  }

  /** Stops the apps here, and follows no more. What the cluster wants stays as it is. Before the peer is stopped. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop())
  }

  /** The same as {@link AppHost.stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Name of the cluster that code must be signed for. */
  get cluster(): string {
    return this.#peer.cluster
  }

  /**
   * Has the cluster run an app. Returns what the standings of those who follow will name as their order.
   *
   * @throws TelepathineError `ERR_KEY` for a name that is none, `ERR_OPTION`
   */
  run(app: string, options: StartOptions = {}): string {
    const before = this.#wantOf(checkAppName(app))
    const { peers, hash = before?.hash } = options
    if (peers !== undefined && !(Number.isInteger(peers) && peers >= 1)) {
      throw new TelepathineError('ERR_OPTION', `peers: ${describe(peers)} given, allowed: a whole number from 1`)
    }
    const kept = hash === undefined ? undefined : this.#store.find(hash)
    if (hash !== undefined && !kept && hash !== before?.hash) {
      throw new TelepathineError('ERR_KEY', `there is no manifest ${describe(hash)} here: deploy it first`)
    }
    const version = kept?.manifest.version ?? before?.version
    return this.#order(app, { run: true, peers, hash, version: hash === undefined ? undefined : version })
  }

  /**
   * Has the cluster run an app no more. As {@link AppHost.run}.
   *
   * @throws TelepathineError `ERR_KEY`
   */
  halt(app: string): string {
    const before = this.#wantOf(checkAppName(app))
    return this.#order(app, { run: false, peers: undefined, hash: before?.hash, version: before?.version })
  }

  /**
   * Takes in a version of an app folder: a signed manifest, then the archive, which is left out when it is here
   * already. Resolves to the manifest's hash once it is on disk, for {@link AppHost.run}.
   *
   * @throws TelepathineError (by rejection) `ERR_DENIED` when it is refused
   */
  async deploy(signed: SignedManifest, archive: AsyncIterable<Uint8Array>): Promise<string> {
    let app = 'an app'
    try {
      const kept = this.#store.examine(signed)
      app = kept.manifest.app
      if (!(await this.#store.has(kept.manifest.sha256))) {
        await using receiver = await this.#store.receive(kept.manifest)
        for await (const chunk of archive) await receiver.write(chunk)
        await receiver.finish()
      }
      await this.#store.unpacked(kept.manifest)
      await this.#store.keep(kept)
      return manifestHash(signed)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_DENIED') this.#refused(app, error as Error)
      throw error
    }
  }

  /** All apps that something is wanted of. */
  apps(): AppInfo[] {
    return [...this.#orders.all.keys()].sort().flatMap((app) => this.app(app) ?? [])
  }

  /** One of them; undefined when nothing is wanted of it. */
  app(name: string): AppInfo | undefined {
    const want = this.#wantOf(name)
    if (!want) return undefined
    const peers = [this.#peer.name, ...this.#peer.livePeers()].flatMap((peer) => {
      const standing = this.#standingOf(peer, name)
      return standing ? [[peer, standing] as const] : []
    })
    return { name, want, chosen: want.run ? this.#chosen(name, want) : [], peers: Object.fromEntries(peers) }
  }

  /** The versions of an app folder that are here, the highest first. */
  versions(folder: string): readonly SignedManifest[] {
    return this.#store.versions(folder).map(({ signed }) => signed)
  }

  #order(app: string, order: Omit<Want, 'order' | 'at'>): string {
    const want = { ...order, ...newOrder(this.#wantOf(app), Date.now()) }
    if (!this.#orders.take(app, want)) throw new TelepathineError('ERR_OVERLOAD', 'there are too many apps already')
    this.#publish(app, want)
    this.#look()
    return want.order
  }

  #wantOf(app: string): Want | undefined {
    return this.#orders.all.get(app)?.want
  }

  /** Some peer gave an order, or passes one on. */
  #heard(key: string, value: unknown): void {
    const app = wantedApp(key)
    const want = readWant(value, Date.now())
    if (app === undefined || !want) return
    this.#orders.take(app, want)
    this.#lookSoon()
  }

  #publish(app: string, want: Want): void {
    try {
      this.#peer.set(wantKey + app, want)
    } catch (error) {
      log('cannot tell what is wanted of %s: %s', app, error)
    }
  }

  #chosen(app: string, want: Want): readonly string[] {
    return chosenPeers(app, want, [...new Set([this.#peer.name, ...this.#supply.hosts()])])
  }

  /** Whether tasks for it are to be expected although nobody may take them at the moment. */
  #expects(service: string): boolean {
    return [...this.#orders.all].some(([app, { want }]) => want.run && serviceOf(app) === service)
  }

  /** Whether something runs here that comes from this archive. */
  #runs(sha256: string): boolean {
    return [...this.#slots.values()].some(({ archive }) => archive === sha256)
  }

  async #turn(app: string, want: Want, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      signal.throwIfAborted()
      const known = this.#orders.all.get(app)
      if (known?.isProven === true && known.want.order === want.order) return false
      const chosen = rankedPeers(app, this.#chosen(app, want))
      const turn = turnOf(this.#peer.name, want.order, chosen, (peer) => this.#standingOf(peer, app))
      if (turn.kind === 'never') {
        const why = `held back, because it failed at ${turn.peer}, which went first: ${turn.error}`
        throw new TelepathineError('ERR_DRAINING', why)
      }
      if (turn.kind !== 'wait') return turn.kind === 'first'
      await this.#notice(signal)
    }
  }

  /** Resolves when some peer is elsewhere with some app, or has come or gone, or the signal aborts. */
  #notice(signal: AbortSignal): Promise<void> {
    return new Promise((noticed) => {
      const done = (): void => {
        this.#watchers.delete(done)
        signal.removeEventListener('abort', done)
        noticed()
      }
      this.#watchers.add(done)
      signal.addEventListener('abort', done)
    })
  }

  #standingOf(peer: string, app: string): Standing | undefined {
    return readStanding(this.#peer.getRemote(peer, standingKey + app))
  }

  #running(): string[] {
    return [...this.#slots.values()].filter(({ pid }) => pid !== undefined).map(({ app }) => app)
  }

  #lookSoon(): void {
    this.#timer ??= setTimeout(() => this.#look(), gatherMs)
  }

  /** Sees to it that all that is wanted is told and followed. */
  #look(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#stopped) return
    for (const watcher of this.#watchers) watcher()
    const remembers = performance.now() >= this.#remembersAt
    for (const [app, { want }] of this.#orders.all) {
      const told = readWant(this.#peer.get(wantKey + app), Date.now())
      // only a memory so far: the others may know better
      if (!told && !remembers) continue
      // what came over gossip was set later, and yet is the older order
      if (isLater(want, told)) this.#publish(app, want)
      const isHere = want.run && this.#chosen(app, want).includes(this.#peer.name)
      const slot = this.#slots.get(app) ?? (isHere ? this.#newSlot(app, want) : undefined)
      slot?.aim(want, isHere)
    }
  }

  #newSlot(app: string, want: Want): Slot | undefined {
    if ([...this.#slots.values()].filter(({ isInUse }) => isInUse).length >= this.#maxApps) {
      const error = `there are ${this.#maxApps} apps here already, which is maxApps`
      const none = { version: undefined, holds: undefined, tried: false }
      if (this.#standingOf(this.#peer.name, app)?.order !== want.order) {
        this.#stands(app, { ...none, state: 'failed', order: want.order, error })
      }
      return undefined
    }
    const slot = new Slot(app, want, this.#owner)
    this.#slots.set(app, slot)
    return slot
  }

  #holders(app: string, hash: string): readonly string[] {
    return this.#peer.livePeers().filter((peer) => {
      return this.#standingOf(peer, app)?.holds === hash
    })
  }

  #stands(app: string, standing: Standing): void {
    log('%s: %o', app, standing)
    this.#changed(app, standing)
    try {
      this.#peer.set(standingKey + app, standing)
      // others may wait for just this
      this.#peer.gossipNow()
    } catch (error) {
      log('cannot tell how %s stands: %s', app, error)
    }
    if (standing.state === 'running') this.#orders.prove(app, standing.order)
    this.emit('state', app, standing)
  }

  /** Not all that is told of an app is that it is in another state. */
  #changed(app: string, { state, error }: Standing): void {
    if (this.#states.get(app) === state) return
    this.#states.set(app, state)
    if (state === 'waiting' || state === 'failed') this.#failures.set(app, (this.#failures.get(app) ?? 0) + 1)
    const told = channels['telepathine:app:state']
    if (told.hasSubscribers) told.publish({ self: this.#peer.name, app, state, error })
  }

  #refused(app: string, error: Error): void {
    log('refused: %s', error.message)
    this.#say('apps:refused', { app, reason: error.message })
    this.emit('refused', { app, reason: error.message })
  }

  #say(event: string, data: unknown): void {
    try {
      this.#peer.say(event, data)
    } catch (error) {
      log('cannot say %s: %s', event, error)
    }
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer)
    for (const off of this.#offs) off()
    await Promise.all([...this.#slots.values()].map((slot) => slot.close()))
    await this.#supply.close()
    await this.#work.stop({ grace: 0 })
    await this.#orders.written()
  }
}
