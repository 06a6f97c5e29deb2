import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import { AppChild, type ChildMessage, type Ending } from './child.js'
import { Rate } from './rate.js'
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
/** For an app to react to a cancelled task; after that it is stuck, and ended unless it is at others. */
const reactMs = 2_000
/** Tasks wait for so long for an app that has crashed; if it takes longer, others are asked. */
const patienceMs = 2_000
/** What an app sends of its own accord is said to all peers, up to so often in a second. */
const newsPerSecond = 100

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
  readonly #waiting = new Set<{ up: () => void; down: (error: Error) => void }>()
  /** Cancelled tasks that the app may still be at: until it says that it is not, it is given no others. */
  readonly #owed = new Set<number>()
  #owedTimer: NodeJS.Timeout | undefined
  /** Whether this process is known to tell which task each of its answers is for. */
  #keepsSight = false
  /** We killed it because it was stuck, which is no crash. */
  #isReplaced = false
  /** Who waits whether it stays up. */
  #crashed: ((why: string) => void) | undefined
  /** When a crashed one is started again. */
  #launchAt = 0
  readonly #news = new Rate(newsPerSecond)
  #stopped: Promise<void> | undefined

  constructor(spec: AppSpec, options: RunnerOptions, owner: RunnerOwner) {
    this.spec = spec
    this.#options = options
    this.#owner = owner
    this.#tasks = new Tasks(spec.config.idleMS, (id, isSilent) => this.#cancelled(id, isSilent))
  }

  get state(): RunnerState {
    return this.#state
  }

  /** What went wrong, if something did. */
  get why(): string | undefined {
    return this.#why
  }

  /** Of its process; undefined when there is none. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it; resolves once it is up, rejects when its process ends before that. */
  start(): Promise<void> {
    this.#launch()
    return this.#ready()
  }

  /**
   * Gives the app a task; resolves to its answer, or, for a caller that streams, to what the end comes with.
   *
   * @throws TelepathineError (by rejection) `ERR_PEER_LOST` when its process ends meanwhile, `ERR_ABORTED`,
   * `ERR_DRAINING` when it is stopped, was given up, or will not be up for a while; an Error with the app's own name
   * and message when the task made it throw
   */
  async run(input: unknown, options: TaskOptions): Promise<unknown> {
    while (!this.#isReady) {
      const pauseMs = this.#state === 'waiting' ? this.#launchAt - performance.now() : 0
      const seconds = Math.ceil(pauseMs / 1_000)
      if (pauseMs > patienceMs) throw this.#down(`it crashed, and is started again in ${seconds} s`)
      await this.#ready(options.signal)
    }
    return this.#tasks.add(options, (id) => {
      const order = { $telepathine: 'task', id, streams: options.streams, input } as const
      this.#child?.order(order, (error) => this.#tasks.fail(id, this.#lost(error.message)))
    })
  }

  /** Resolves after `ms` if it stays up for so long; rejects as soon as it does not. */
  lasts(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#crashed = undefined
        resolve()
      }, ms)
      this.#crashed = (why) => {
        clearTimeout(timer)
        reject(new TelepathineError('ERR_DRAINING', `${this.spec.name} did not stay up: ${why}`))
      }
      if (this.#state !== 'running') this.#crashed(this.#why ?? this.#state)
    })
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
    this.#forgetOwed()
    this.#change('stopped')
    this.#wake(this.#down('it is stopped'))
    await this.#child?.stop(stopMs)
    for (const id of this.#tasks.ids) this.#tasks.fail(id, this.#lost('it was stopped'))
  }

  #launch(): void {
    this.#threw = undefined
    this.#keepsSight = false
    this.#isReplaced = false
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
        this.#keepsSight = true
        return this.#tasks.answer(message.id, message.value)
      case 'end':
        this.#keepsSight = true
        return this.#tasks.end(message.id, message.value)
      case 'dropped':
        // an app that loses sight of its tasks would give the answer to this one as that to the next
        if (this.spec.config.concurrency > 1 || this.#keepsSight) this.#settledUp(message.id)
        return
      case 'threw':
        this.#threw = message
        return
      case 'news':
        return this.#unasked(message.value)
      default:
        message satisfies never
    }
  }

  /** With one task at a time there is no doubt whose answer it is, whatever became of its context. */
  #unasked(value: unknown): void {
    if (this.spec.config.concurrency === 1 && this.#isAnswer(value)) return
    if (this.#news.allows(performance.now())) this.#owner.news(value)
  }

  /** What an app that has one task at a time sends is the answer to that, or to one before that was cancelled. */
  #isAnswer(value: unknown): boolean {
    const [owed] = this.#owed
    const [id] = this.#tasks.ids
    if (owed !== undefined) {
      this.#settledUp(owed)
    } else if (id !== undefined) {
      this.#tasks.answer(id, value)
      // it does not know itself that this was the one
      if (!this.#tasks.has(id)) this.#child?.order({ $telepathine: 'forget', id }, () => undefined)
    }
    return owed !== undefined || id !== undefined
  }

  /** Nobody wants the answer to a task any more. Of one that has fallen silent none is to be feared either. */
  #cancelled(id: number, isSilent: boolean): void {
    if (!this.#child) return
    if (!isSilent) {
      this.#owed.add(id)
      this.#owedTimer ??= setInterval(() => this.#replaceIfStuck(), reactMs)
    }
    this.#child.order({ $telepathine: 'cancel', id }, () => undefined)
  }

  #replaceIfStuck(): void {
    if (this.#tasks.ids.length > 0) return
    this.#isReplaced = true
    this.#child?.kill('it did not react to a cancelled task')
  }

  /** The app is not at a cancelled task any more. */
  #settledUp(id: number): void {
    if (!this.#owed.delete(id) || this.#owed.size > 0) return
    this.#forgetOwed()
    if (this.#isReady) this.#wake()
  }

  #forgetOwed(): void {
    this.#owed.clear()
    clearInterval(this.#owedTimer)
    this.#owedTimer = undefined
  }

  #ended({ how }: Ending): void {
    clearTimeout(this.#timer)
    this.#child = undefined
    this.#forgetOwed()
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
    this.#crashed?.(why)
    if (this.#isReplaced) return this.#launch()
    const isFirst = this.#state === 'starting' && this.#restarts.count === 0
    const now = performance.now()
    const pauseMs = isFirst ? undefined : this.#restarts.crashed(now)
    if (pauseMs === undefined) {
      const since = isFirst ? 'it ended before it listened to messages' : 'it crashed too often'
      this.#change('failed', `${since} (${why})`)
      return this.#wake(this.#down(`${since} (${why})`))
    }
    this.#launchAt = now + pauseMs
    this.#timer = setTimeout(() => this.#launch(), pauseMs)
    this.#change('waiting', why)
    if (pauseMs > patienceMs) this.#wake(this.#down(`it crashed too often of late (${why})`))
  }

  #down(why: string): TelepathineError {
    return new TelepathineError('ERR_DRAINING', `${this.spec.name} is down: ${why}`)
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

  /** Whether it may be given a task. */
  get #isReady(): boolean {
    return this.#state === 'running' && this.#owed.size === 0
  }

  /** Resolves once it is up, and through with what was cancelled. */
  #ready(signal?: AbortSignal): Promise<void> {
    if (this.#isReady) return Promise.resolve()
    const isDown = this.#state === 'failed' || this.#state === 'stopped'
    if (isDown) return Promise.reject(this.#down(this.#why ?? this.#state))
    return new Promise((resolve, reject) => {
      const abort = (): void => waiter.down(new TelepathineError('ERR_ABORTED', 'the caller gave up'))
      const settle = (): void => {
        this.#waiting.delete(waiter)
        signal?.removeEventListener('abort', abort)
      }
      const waiter = {
        up: () => (settle(), resolve()),
        down: (error: Error) => (settle(), reject(error)),
      }
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', abort)
      if (signal?.aborted) abort()
    })
  }

  #wake(error?: Error): void {
    for (const waiter of this.#waiting) {
      if (error) waiter.down(error)
      else waiter.up()
    }
  }
}
