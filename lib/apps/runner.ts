import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import { AppChild, type ChildMessage, type Ending } from './child.js'
import { Restarts } from './restarts.js'
import type { AppSpec } from './spec.js'
import { Tasks, type TaskOptions } from './tasks.js'

const log = createDebug('telepathine:apps')

/**
 * What an app is at: its process comes up, runs, or waits to be started again after a crash; it crashed too often and
 * stays down; or it was stopped.
 */
export type RunnerState = 'starting' | 'running' | 'waiting' | 'failed' | 'stopped'

/** Whom a runner tells what happens. */
export interface RunnerOwner {
  /** It is in another state; `why` says what went wrong, if something did. */
  changed(state: RunnerState, why?: string): unknown
  /** The app sent something that is no answer. */
  news(value: unknown): void
  /** A line that the app printed. */
  printed(line: string): void
}

/** How a runner runs its app. */
export interface RunnerOptions {
  /** Names of variables of this process's environment that the app may see, beside the harmless ones. */
  readonly variables: readonly string[]
}

/** An app that listens to nothing but has lived for so long counts as up: it may have things to tell all the same. */
const settleMs = 1_000
/** For an app to end by itself once it is told to. */
const stopMs = 5_000

/** Runs one app: keeps one process of it up, gives it tasks, and finds the caller of each answer. */
export class AppRunner {
  readonly spec: AppSpec
  readonly #owner: RunnerOwner
  readonly #options: RunnerOptions
  readonly #tasks: Tasks
  readonly #restarts = new Restarts()
  #state: RunnerState = 'stopped'
  #why: string | undefined
  #child: AppChild | undefined
  #timer: NodeJS.Timeout | undefined
  /** What the app said of an error that it could not deal with, and the task it was at, if that is known. */
  #threw: Extract<ChildMessage, { $telepathine: 'threw' }> | undefined
  /** Those who wait for it to be up, or to be given up. */
  #waiting: { up: () => void; down: (error: Error) => void }[] = []
  #stopped: Promise<void> | undefined

  constructor(spec: AppSpec, options: RunnerOptions, owner: RunnerOwner) {
    this.spec = spec
    this.#options = options
    this.#owner = owner
    this.#tasks = new Tasks(spec.config.idleMS, (id) => {
      this.#child?.order({ $telepathine: 'cancel', id }, () => undefined)
    })
  }

  get state(): RunnerState {
    return this.#state
  }

  /** Of its process; undefined when there is none. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it; resolves once it is up, rejects when its process ends before that. */
  start(): Promise<void> {
    this.#launch()
    return this.#up()
  }

  /**
   * Gives the app a task; resolves to its answer, or, for a caller that streams, to what the end comes with.
   *
   * @throws TelepathineError (by rejection) `ERR_PEER_LOST` when its process ends meanwhile, `ERR_ABORTED`,
   * `ERR_DRAINING` when it is stopped or was given up; an Error with the app's own name and message when the task made
   * it throw
   */
  async run(input: unknown, options: TaskOptions): Promise<unknown> {
    if (this.#state !== 'running') await this.#up()
    return this.#tasks.add(options, (id) => {
      const order = { $telepathine: 'task', id, streams: options.streams, input } as const
      this.#child?.order(order, (error) => this.#tasks.fail(id, this.#lost(error.message)))
    })
  }

  /** Resolves after `ms` if it stays up for so long; rejects when it does not. */
  async lasts(ms: number): Promise<void> {
    const crashes = this.#restarts.count
    await new Promise((resolve) => setTimeout(resolve, ms))
    if (this.#restarts.count === crashes && this.#state === 'running') return
    throw new TelepathineError('ERR_DRAINING', `${this.spec.name} did not stay up: ${this.#why ?? this.#state}`)
  }

  /** Stops it once it is through with its tasks, or after `graceMs`. */
  async finish(graceMs: number): Promise<void> {
    await this.#tasks.done(graceMs)
    await this.stop()
  }

  /** Ends its process, and all that it started. Tasks that it is still at fail. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop())
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#change('stopped')
    this.#wake(new TelepathineError('ERR_DRAINING', `${this.spec.name} is stopped`))
    await this.#child?.stop(stopMs)
    for (const id of this.#tasks.ids) this.#tasks.fail(id, this.#lost('it was stopped'))
  }

  #launch(): void {
    this.#threw = undefined
    this.#change('starting')
    const child: AppChild = new AppChild(this.spec, this.#options.variables, {
      message: (message) => this.#heard(message),
      printed: (line) => this.#owner.printed(line),
      ended: (ending) => this.#ended(ending),
    })
    this.#child = child
    this.#timer = setTimeout(() => this.#settled(), settleMs)
  }

  #settled(): void {
    if (this.#state !== 'starting') return
    clearTimeout(this.#timer)
    this.#change('running')
    this.#wake()
  }

  #heard(message: ChildMessage): void {
    switch (message.$telepathine) {
      case 'ready':
        return this.#settled()
      case 'answer':
        return this.#tasks.answer(message.id, message.value)
      case 'end':
        return this.#tasks.end(message.id, message.value)
      case 'threw':
        this.#threw = message
        return
      case 'news':
        return this.#news(message.value)
      default:
        message satisfies never
    }
  }

  /** With one task at a time there is no doubt whose answer it is, whatever became of its context. */
  #news(value: unknown): void {
    const [id] = this.#tasks.ids
    if (this.spec.config.concurrency === 1 && id !== undefined) this.#tasks.answer(id, value)
    else this.#owner.news(value)
  }

  #ended({ how }: Ending): void {
    clearTimeout(this.#timer)
    this.#child = undefined
    const threw = this.#threw
    const why = threw ? `${how}: ${threw.name}: ${threw.message}` : how
    if (threw?.id !== undefined) {
      const error = new Error(threw.message)
      error.name = threw.name
      this.#tasks.fail(threw.id, error)
    }
    for (const id of this.#tasks.ids) this.#tasks.fail(id, this.#lost(why))
    if (this.#state === 'stopped') return
    log('%s ended: %s', this.spec.name, why)
    const isFirst = this.#state === 'starting' && this.#restarts.count === 0
    const pauseMs = isFirst ? undefined : this.#restarts.crashed(performance.now())
    if (pauseMs === undefined) {
      const since = isFirst ? 'it ended before it listened to messages' : 'it crashed too often'
      this.#change('failed', `${since} (${why})`)
      return this.#wake(new TelepathineError('ERR_DRAINING', `${this.spec.name} is down: ${since} (${why})`))
    }
    this.#change('waiting', why)
    this.#timer = setTimeout(() => this.#launch(), pauseMs)
  }

  #lost(how: string): TelepathineError {
    const what = `the process of ${this.spec.name} was lost while at this task`
    return new TelepathineError('ERR_PEER_LOST', `${what} (${how})`)
  }

  #change(state: RunnerState, why?: string): void {
    this.#state = state
    this.#why = why
    this.#owner.changed(state, why)
  }

  /** Resolves once it is up. */
  #up(): Promise<void> {
    if (this.#state === 'running') return Promise.resolve()
    if (this.#state === 'failed' || this.#state === 'stopped') {
      return Promise.reject(new TelepathineError('ERR_DRAINING', `${this.spec.name} is down`))
    }
    return new Promise((up, down) => this.#waiting.push({ up, down }))
  }

  #wake(error?: Error): void {
    for (const { up, down } of this.#waiting.splice(0)) {
      if (error) down(error)
      else up()
    }
  }
}
