import { join } from 'node:path'
import type { Dispatcher, Withdraw } from '../work/index.js'
import { denied } from './manifest.js'
import { AppRunner, type RunnerOptions } from './runner.js'
import { type AppSpec, findApp } from './spec.js'
import type { Store } from './store.js'
import type { Supply } from './supply.js'
import { errorLengthMax, type Standing, type Want } from './wants.js'

/** What a slot needs of its host. */
export interface SlotOwner extends RunnerOptions {
  readonly work: Dispatcher
  readonly store: Store
  readonly supply: Supply
  /** Where this peer has apps of its own. */
  readonly folder: string
  /** Peers that hold the manifest. */
  holders(app: string, hash: string): readonly string[]
  /**
   * Resolves once this peer may start what was deployed; to whether it is the first to do so. Rejects when it must
   * not, or with the signal's reason.
   */
  turn(app: string, want: Want, signal: AbortSignal): Promise<boolean>
  /** It is in another state. */
  stands(app: string, standing: Standing): void
  news(app: string, value: unknown): void
  printed(app: string, line: string): void
  /** Code was refused. */
  refused(app: string, error: Error): void
}

/** For tasks under way to finish when an app is stopped or replaced. */
const graceMs = 5_000
/** What was deployed must stay up for so long where it goes first, beside what ran before, to take its place. */
const probationMs = 1_000

/** The name under which an app's tasks are dispatched. */
export function serviceOf(app: string): string {
  return `apps/${app}`
}

/** One app on this peer: brings what is to where it should be, one step after the other. */
export class Slot {
  readonly app: string
  readonly #owner: SlotOwner
  #runner: AppRunner | undefined
  /** Hash of the archive that the runner's program comes from. */
  #archive: string | undefined
  #withdraw: Withdraw | undefined
  #want: Want
  /** Whether it is to run here. */
  #isChosen = false
  /** Whether what the runner tells is what became of the order: until that is so, an older program runs. */
  #isThere = false
  #standing: Standing = {
    state: 'stopped', order: '', version: undefined, holds: undefined, error: undefined, tried: false,
  }
  #steps: Promise<void> = Promise.resolve()
  #step: AbortController | undefined

  constructor(app: string, want: Want, owner: SlotOwner) {
    this.app = app
    this.#owner = owner
    this.#want = want
  }

  get standing(): Standing {
    return this.#standing
  }

  /** Whether it is to run here, or does still. */
  get isInUse(): boolean {
    return this.#isChosen || this.#runner !== undefined
  }

  /** Hash of the archive that what runs here comes from; undefined for none. */
  get archive(): string | undefined {
    return this.#archive
  }

  /** Its process; undefined when there is none. */
  get pid(): number | undefined {
    return this.#runner?.pid
  }

  /** Sets what is wanted; what is under way for the order before is broken off. */
  aim(want: Want, isChosen: boolean): void {
    if (this.#step && want.order === this.#want.order && isChosen === this.#isChosen) return
    this.#want = want
    this.#isChosen = isChosen
    this.#isThere = false
    // not before it is so: who waits for the order must not take the state of the one before for its outcome
    if (this.#isToRun) this.#stand({ order: want.order, state: 'starting', error: undefined, tried: false })
    this.#step?.abort(new Error('another order came'))
    const step = (this.#step = new AbortController())
    this.#steps = this.#steps.then(() => this.#follow(step.signal))
  }

  /** Ends it, whatever is wanted. */
  async close(): Promise<void> {
    this.#step?.abort(new Error('the peer stops'))
    await this.#steps
    await this.#end(0)
  }

  get #isToRun(): boolean {
    return this.#want.run && this.#isChosen
  }

  /** Never rejects: what goes wrong shows in the standing. */
  async #follow(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { order } = this.#want
    try {
      if (this.#isToRun) return await this.#run(signal)
      await this.#end(graceMs)
      this.#stand({ state: 'stopped', order, holds: this.#held(), error: undefined, tried: false })
    } catch (error) {
      if (signal.aborted) return
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ERR_DENIED') this.#owner.refused(this.app, error as Error)
      // what ran before still does
      this.#stand({ state: 'failed', order, error: message.slice(0, errorLengthMax) })
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { order, hash } = this.#want
    const { spec, archive } = await this.#find(signal)
    signal.throwIfAborted()
    const before = this.#runner
    const isSame = before?.spec.file === spec.file && before.spec.version === spec.version
    if (isSame && before.state !== 'failed' && before.state !== 'stopped') {
      this.#isThere = true
      return this.#stand({ state: before.state, holds: this.#held() })
    }
    let isFirst = false
    if (hash !== undefined) {
      this.#stand({ state: 'ready', holds: this.#held() })
      isFirst = await this.#owner.turn(this.app, this.#want, signal)
    }
    this.#stand({ state: 'starting', tried: true })
    const runner: AppRunner = new AppRunner(spec, this.#owner, {
      changed: (state, why) => this.#runner === runner && this.#changed(state, why),
      news: (value) => this.#owner.news(this.app, value),
      printed: (line) => this.#owner.printed(this.app, line),
    })
    try {
      await runner.start()
      if (isFirst) await runner.lasts(probationMs)
      signal.throwIfAborted()
    } catch (error) {
      await runner.stop()
      throw error
    }
    const { concurrency, queue } = spec.config
    const fits = before?.spec.config.concurrency === concurrency && before.spec.config.queue === queue
    if (!fits) await this.#withdrawn(graceMs)
    // the new one takes the tasks from here on; the one before finishes its own
    this.#runner = runner
    this.#archive = archive
    this.#isThere = order === this.#want.order
    this.#serve()
    this.#stand({ order, version: spec.version })
    this.#changed(runner.state, runner.why)
    await before?.finish(graceMs)
  }

  #serve(): void {
    const { concurrency, queue } = this.#runner?.spec.config ?? {}
    const { work } = this.#owner
    this.#withdraw ??= work.serve(
      serviceOf(this.app),
      (input: unknown, call) => {
        const { streams, signal } = call
        return this.#runner?.run(input, { streams, signal, emit: (value) => call.emit(value) })
      },
      {
        ...(concurrency !== undefined && { concurrency }),
        ...(queue !== undefined && { queue }),
        // where the peer has a queue, what was stored for the app is done as well
        durable: work.hasQueue,
      },
    )
  }

  async #find(signal: AbortSignal): Promise<{ spec: AppSpec; archive: string | undefined }> {
    const { hash } = this.#want
    const [folder = ''] = this.app.split('/')
    const { supply, store } = this.#owner
    if (hash === undefined) {
      return { spec: await findApp(this.app, join(this.#owner.folder, folder)), archive: undefined }
    }
    if (!store.find(hash)) this.#stand({ state: 'fetching' })
    const kept = await supply.get(hash, () => this.#owner.holders(this.app, hash), signal)
    // an order is not signed: it may choose among what is, and neither go back nor take one app for another
    const { app, version, sha256 } = kept.manifest
    const [last = kept] = store.versions(app)
    if (app !== folder) throw denied(`what is wanted as ${folder} was signed as ${app}`)
    if (version < last.manifest.version) {
      throw denied(`version ${version} of ${app} is older than version ${last.manifest.version}, which is here`)
    }
    const tree = await store.unpacked(kept.manifest)
    await store.keep(kept)
    return { spec: await findApp(this.app, tree, kept.manifest.version), archive: sha256 }
  }

  #held(): string | undefined {
    const { hash } = this.#want
    return hash !== undefined && this.#owner.store.find(hash) ? hash : undefined
  }

  /** The app's process came or went by itself, or has just been put in its place. */
  #changed(state: AppRunner['state'], why?: string): void {
    if (state === 'failed') void this.#withdrawn(0)
    if (this.#isThere) this.#stand({ state, error: state === 'running' ? undefined : why })
  }

  async #end(grace: number): Promise<void> {
    const runner = this.#runner
    await this.#withdrawn(grace)
    this.#runner = undefined
    this.#archive = undefined
    await runner?.stop()
  }

  async #withdrawn(grace: number): Promise<void> {
    const withdraw = this.#withdraw
    this.#withdraw = undefined
    await withdraw?.({ grace })
  }

  #stand(change: Partial<Standing>): void {
    this.#standing = { ...this.#standing, ...change }
    this.#owner.stands(this.app, this.#standing)
  }
}
