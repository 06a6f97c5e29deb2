import { join } from 'node:path'
import type { Dispatcher, Withdraw } from '../work/index.js'
import { denied } from './manifest.js'
import { AppRunner, type RunnerOptions } from './runner.js'
import { type AppSpec, findApp } from './spec.js'
import type { Store } from './store.js'
import type { Supply } from './supply.js'
import type { Standing, Want } from './wants.js'

/** What a slot needs of its host. */
export interface SlotOwner extends RunnerOptions {
  readonly work: Dispatcher
  readonly store: Store
  readonly supply: Supply
  /** Where this peer has apps of its own. */
  readonly folder: string
  /** Peers that hold the manifest. */
  holders(app: string, hash: string): readonly string[]
  /** It is in another state. */
  stands(app: string, standing: Standing): void
  news(app: string, value: unknown): void
  printed(app: string, line: string): void
  /** Code was refused. */
  refused(app: string, error: Error): void
}

/** For tasks under way to finish when an app is stopped or replaced. */
const graceMs = 5_000

/** The name under which an app's tasks are dispatched. */
export function serviceOf(app: string): string {
  return `apps/${app}`
}

/** One app on this peer: brings what is to where it should be, one step after the other. */
export class Slot {
  readonly app: string
  readonly #owner: SlotOwner
  #runner: AppRunner | undefined
  #withdraw: Withdraw | undefined
  #want: Want
  /** Whether it is to run here. */
  #isChosen = false
  #standing: Standing
  #steps: Promise<void> = Promise.resolve()
  #step = new AbortController()

  constructor(app: string, want: Want, owner: SlotOwner) {
    this.app = app
    this.#owner = owner
    this.#want = want
    this.#standing = { state: 'stopped', order: '', version: undefined, holds: undefined, error: undefined }
  }

  get standing(): Standing {
    return this.#standing
  }

  /** Its process; undefined when there is none. */
  get pid(): number | undefined {
    return this.#runner?.pid
  }

  /** Sets what is wanted; what is under way for the order before is broken off. */
  aim(want: Want, isChosen: boolean): void {
    if (want.order === this.#standing.order && isChosen === this.#isChosen) return
    this.#want = want
    this.#isChosen = isChosen
    this.#stand({ order: want.order, error: undefined })
    this.#step.abort(new Error('another order came'))
    const step = (this.#step = new AbortController())
    this.#steps = this.#steps.then(() => this.#follow(step.signal))
  }

  /** Ends it, whatever is wanted. */
  async close(): Promise<void> {
    this.#step.abort(new Error('the peer stops'))
    await this.#steps
    await this.#end(0)
  }

  /** Never rejects: what goes wrong shows in the standing. */
  async #follow(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    try {
      if (this.#want.run && this.#isChosen) return await this.#run(signal)
      await this.#end(graceMs)
      this.#stand({ state: 'stopped', holds: this.#held() })
    } catch (error) {
      if (signal.aborted) return
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ERR_DENIED') this.#owner.refused(this.app, error as Error)
      // what ran before still does
      this.#stand({ state: 'failed', error: message })
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const spec = await this.#find(signal)
    signal.throwIfAborted()
    const before = this.#runner
    const isSame = before?.spec.file === spec.file && before.spec.version === spec.version
    if (isSame && (before.state === 'running' || before.state === 'waiting')) {
      return this.#stand({ state: before.state, holds: this.#held() })
    }
    this.#stand({ state: 'starting', holds: this.#held() })
    const runner: AppRunner = new AppRunner(spec, this.#owner, {
      changed: (state, why) => this.#runner === runner && this.#changed(state, why),
      news: (value) => this.#owner.news(this.app, value),
      printed: (line) => this.#owner.printed(this.app, line),
    })
    try {
      await runner.start()
      signal.throwIfAborted()
    } catch (error) {
      await runner.stop()
      throw error
    }
    await this.#swap(runner)
    this.#stand({ state: 'running', version: spec.version, error: undefined })
  }

  /** The new one takes the tasks from here on; the one before finishes its own. */
  async #swap(runner: AppRunner): Promise<void> {
    const before = this.#runner
    const { concurrency, queue } = runner.spec.config
    const fits = before?.spec.config.concurrency === concurrency && before.spec.config.queue === queue
    if (!fits) await this.#withdrawn(graceMs)
    this.#runner = runner
    this.#withdraw ??= this.#owner.work.serve(
      serviceOf(this.app),
      (input: unknown, call) => {
        const { streams, signal } = call
        return this.#runner?.run(input, { streams, signal, emit: (value) => call.emit(value) })
      },
      { concurrency, queue },
    )
    await before?.finish(graceMs)
  }

  async #find(signal: AbortSignal): Promise<AppSpec> {
    const { hash } = this.#want
    const [folder = ''] = this.app.split('/')
    const { supply, store } = this.#owner
    if (hash === undefined) return findApp(this.app, join(this.#owner.folder, folder))
    if (!store.find(hash)) this.#stand({ state: 'fetching' })
    const kept = await supply.get(hash, () => this.#owner.holders(this.app, hash), signal)
    // an order is not signed: it may choose among what is, and neither go back nor take one app for another
    const { app, version } = kept.manifest
    const [last = kept] = store.versions(app)
    if (app !== folder) throw denied(`what is wanted as ${folder} was signed as ${app}`)
    if (version < last.manifest.version) {
      throw denied(`version ${version} of ${app} is older than version ${last.manifest.version}, which is here`)
    }
    const tree = await store.unpacked(kept.manifest)
    await store.keep(kept)
    return findApp(this.app, tree, kept.manifest.version)
  }

  #held(): string | undefined {
    const { hash } = this.#want
    return hash !== undefined && this.#owner.store.find(hash) ? hash : undefined
  }

  /** The app's process came or went by itself. */
  #changed(state: AppRunner['state'], why: string | undefined): void {
    this.#stand({ state, error: state === 'running' ? undefined : why })
    if (state === 'failed') void this.#withdrawn(0)
  }

  async #end(grace: number): Promise<void> {
    const runner = this.#runner
    await this.#withdrawn(grace)
    this.#runner = undefined
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
