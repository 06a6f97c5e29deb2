import { TelepathineError } from '../gossip/errors.js'

/** One task of an app, as its caller sees it. */
export interface TaskOptions {
  /** Whether the caller takes several answers. If not, the first settles it. */
  readonly streams: boolean
  /** Aborts when the caller has no more use for it. */
  readonly signal: AbortSignal
  /** Passes an answer on, if the caller takes several. Rejects when too many wait for it. */
  readonly emit: (value: unknown) => Promise<void>
}

interface Task {
  readonly id: number
  readonly options: TaskOptions
  readonly done: (value: unknown) => void
  readonly failed: (error: unknown) => void
  readonly abort: () => void
  idle: NodeJS.Timeout | undefined
}

/** The tasks that an app is at, and how its answers find them. Bounded by the app's concurrency. */
export class Tasks {
  readonly #tasks = new Map<number, Task>()
  readonly #idleMs: number
  readonly #cancelled: (id: number, isSilent: boolean) => void
  #nextId = 1
  #emptied: (() => void) | undefined

  /**
   * @param idleMs after so much silence there are no more answers to a task that had one; 0: never
   * @param cancelled is told which task the app need not go on with, and whether it had fallen silent by then
   */
  constructor(idleMs: number, cancelled: (id: number, isSilent: boolean) => void) {
    this.#idleMs = idleMs
    this.#cancelled = cancelled
  }

  /** Tasks under way. */
  get ids(): readonly number[] {
    return [...this.#tasks.keys()]
  }

  has(id: number): boolean {
    return this.#tasks.has(id)
  }

  /** Begins a task; `give` hands it to the app. Resolves to its answer, or to what its end comes with. */
  add(options: TaskOptions, give: (id: number) => void): Promise<unknown> {
    const gaveUp = (): TelepathineError => new TelepathineError('ERR_ABORTED', 'the caller gave up')
    if (options.signal.aborted) return Promise.reject(gaveUp())
    return new Promise((done, failed) => {
      const abort = (): void => this.#cancel(task, gaveUp())
      const task: Task = { id: this.#nextId++, options, done, failed, abort, idle: undefined }
      this.#tasks.set(task.id, task)
      options.signal.addEventListener('abort', abort)
      give(task.id)
    })
  }

  /** The app answers. Answers to nothing that is under way are dropped: their callers have gone. */
  answer(id: number, value: unknown): void {
    const task = this.#tasks.get(id)
    if (!task) return
    if (!task.options.streams) return this.end(id, value)
    clearTimeout(task.idle)
    if (this.#idleMs > 0) task.idle = setTimeout(() => this.#fellSilent(task), this.#idleMs)
    // a program cannot be paused: who does not keep up loses the task
    return void task.options.emit(value).catch((error: unknown) => this.#cancel(task, error))
  }

  /** No more answers follow. */
  end(id: number, value: unknown): void {
    const task = this.#take(id)
    task?.done(value)
  }

  /** It came to nothing. */
  fail(id: number, error: unknown): void {
    const task = this.#take(id)
    task?.failed(error)
  }

  /** Resolves once there are none, or after `graceMs`. */
  async done(graceMs: number): Promise<void> {
    if (this.#tasks.size === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs)
      this.#emptied = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #fellSilent(task: Task): void {
    this.#cancelled(task.id, true)
    this.end(task.id, undefined)
  }

  #cancel(task: Task, error: unknown): void {
    if (!this.#tasks.has(task.id)) return
    // first it is no task any more, then whoever is told may look
    this.fail(task.id, error)
    this.#cancelled(task.id, false)
  }

  #take(id: number): Task | undefined {
    const task = this.#tasks.get(id)
    if (!task) return undefined
    this.#tasks.delete(id)
    if (this.#tasks.size === 0) this.#emptied?.()
    clearTimeout(task.idle)
    task.options.signal.removeEventListener('abort', task.abort)
    return task
  }
}
