import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import createDebug from 'debug'
import { MemoryWatch } from './memory.js'
import { Printed } from './printed.js'
import type { AppSpec } from './spec.js'

const log = createDebug('telepathine:apps')

/** Preloaded into every app; see there. */
const shim = fileURLToPath(new URL('shim.cjs', import.meta.url))

/** What of this process's environment an app gets to see, unless more is named: nothing that could be a secret. */
const environment = [
  'PATH', 'HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'TEMP', 'TMP', 'NODE_ENV', 'SystemRoot',
]

/** What a child's process tells. */
export type ChildMessage =
  | { readonly $telepathine: 'ready' }
  | { readonly $telepathine: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly $telepathine: 'end'; readonly id: number; readonly value?: unknown }
  | { readonly $telepathine: 'dropped'; readonly id: number }
  | { readonly $telepathine: 'threw'; readonly id?: number; readonly name: string; readonly message: string }
  | { readonly $telepathine: 'news'; readonly value: unknown }

/** What an app's process is told. */
export type ChildOrder =
  | { readonly $telepathine: 'task'; readonly id: number; readonly streams: boolean; readonly input: unknown }
  /** Nobody wants an answer any more. */
  | { readonly $telepathine: 'cancel'; readonly id: number }
  /** It was answered, in a way that the shim could not see. */
  | { readonly $telepathine: 'forget'; readonly id: number }

/** How a child ended, for people: `exit code 1`, `signal SIGKILL`. */
export interface Ending {
  readonly how: string
}

/** Whom a child tells what happens. */
export interface ChildOwner {
  message(message: ChildMessage): void
  /** A line that it printed. */
  printed(line: string): void
  /** The last that is heard of it. Everything that it sent before has been told. */
  ended(ending: Ending): void
}

/** After its exit, for what it sent and printed last to come in. */
const lastWordsMs = 1_000

/** One process of an app. */
export class AppChild {
  readonly #process: ChildProcess
  readonly #owner: ChildOwner
  readonly #memory: MemoryWatch | undefined
  #ending: Ending | undefined
  /** Why we killed it, if we did. */
  #verdict: string | undefined
  #isOver = false

  constructor(spec: AppSpec, variables: readonly string[], owner: ChildOwner) {
    this.#owner = owner
    const names = [...environment, ...variables]
    const env = Object.fromEntries(names.flatMap((name) => (name in process.env ? [[name, process.env[name]]] : [])))
    const child = fork(spec.file, [], {
      cwd: spec.folder,
      env,
      // not our own, which may hold a debugger's port or a loader
      execArgv: ['--require', shim, `--max-old-space-size=${spec.config.memoryMB}`],
      serialization: spec.config.serialization,
      // a process group of its own, so that it can be ended with all that it starts
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#process = child
    child.on('message', (message) => this.#heard(message))
    child.on('error', (error) => {
      log('%s: %s', spec.name, error.message)
      // it never came to be
      if (child.pid === undefined) this.#exited(error.message)
    })
    child.on('exit', (code, signal) => this.#exited(signal === null ? `exit code ${code}` : `signal ${signal}`))
    child.on('disconnect', () => this.#over())
    const printed = new Printed((line) => owner.printed(line))
    for (const stream of [child.stdout, child.stderr]) if (stream) printed.follow(stream)
    const { memoryMB } = spec.config
    this.#memory = child.pid === undefined ? undefined : new MemoryWatch(child.pid, memoryMB, (why) => this.kill(why))
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Tells it something; `failed` is called when it does not get there. */
  order(order: ChildOrder, failed: (error: Error) => void): void {
    if (!this.#process.connected) return failed(new Error('its process has ended'))
    try {
      this.#process.send(order, (error) => error && failed(error))
    } catch (error) {
      failed(error as Error)
    }
  }

  /** Asks it to end, and ends it, with all that it started, if it has not after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    if (this.#ending || this.pid === undefined) return
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    const timer = setTimeout(() => this.#kill(), graceMs)
    if (this.#process.connected) this.#process.disconnect()
    await gone
    clearTimeout(timer)
  }

  /** Ends it at once, with all that it started: it is beyond asking. */
  kill(why: string): void {
    if (this.#ending) return
    this.#verdict ??= why
    this.#kill()
  }

  #heard(message: unknown): void {
    if (typeof message === 'object' && message !== null && '$telepathine' in message) {
      this.#owner.message(message as ChildMessage)
    }
  }

  #exited(how: string): void {
    if (this.#ending) return
    this.#ending = { how: this.#verdict ?? how }
    this.#memory?.stop()
    this.#kill()
    setTimeout(() => {
      this.#over()
      // a process that it started, and that got away, may hold the other ends
      this.#process.stdout?.destroy()
      this.#process.stderr?.destroy()
    }, lastWordsMs).unref()
    if (!this.#process.connected) this.#over()
  }

  #over(): void {
    if (this.#isOver || !this.#ending) return
    this.#isOver = true
    this.#owner.ended(this.#ending)
  }

  #kill(): void {
    const { pid } = this.#process
    if (pid === undefined) return
    try {
      if (process.platform === 'win32') this.#process.kill('SIGKILL')
      else process.kill(-pid, 'SIGKILL')
    } catch {
      // nobody is left of it
    }
  }
}
