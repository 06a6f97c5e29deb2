import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { now, type Order, type Report } from './report.js'

/** How long a peer may take to say goodbye before it is killed. */
const stopMs = 2_000

/** One peer in a process of its own, and all that it has told. */
export class PeerProcess {
  /** Number in the demo, from 1. */
  readonly number: number
  readonly #child: ChildProcess
  readonly #reports: Report[] = []
  /** Those who wait for the next report. */
  readonly #waiting = new Set<() => void>()
  #follower: ((report: Report) => void) | undefined
  #name = ''
  #port = 0

  constructor(number: number) {
    this.number = number
    // The script beside this one: TypeScript in the sources, JavaScript in the package.
    const script = new URL(`./peer${extname(import.meta.url)}`, import.meta.url)
    this.#child = fork(fileURLToPath(script), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child.on('message', (report: Report) => {
      if (report.what === 'started') ({ name: this.#name, port: this.#port } = report)
      if (this.#follower) return this.#follower(report)
      this.#reports.push(report)
      this.#wake()
    })
    this.#child.on('exit', () => this.#wake())
    // A failed send shows as a report that does not come.
    this.#child.on('error', () => this.#wake())
  }

  /** The peer's name; empty until it has started. */
  get name(): string {
    return this.#name
  }

  get port(): number {
    return this.#port
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Asks something of the peer. */
  order(order: Order): void {
    if (this.#child.connected) this.#child.send(order)
  }

  /**
   * Resolves with the first report that `test` likes, among those made since `since`. Undefined when there is none
   * within `ms`, or the process is gone.
   */
  async report(test: (report: Report) => boolean, since: number, ms: number): Promise<Report | undefined> {
    const deadline = now() + ms
    for (;;) {
      const found = this.#reports.find(report => report.at >= since && test(report))
      const leftMs = deadline - now()
      if (found || leftMs <= 0 || !this.isRunning) return found
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, leftMs)
        this.#waiting.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  /** Hands all further reports to `follower`, and keeps them no more. */
  follow(follower: (report: Report) => void): void {
    this.#follower = follower
  }

  /** Ends the process as a crash would: it cannot say goodbye. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    if (this.isRunning) await once(this.#child, 'exit')
  }

  /** Has the peer say goodbye and end. */
  async stop(): Promise<void> {
    if (!this.isRunning) return
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMs)
    this.order({ do: 'stop' })
    await once(this.#child, 'exit')
    clearTimeout(timer)
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

/** The processes of the demo. */
export class Cluster {
  readonly peers: PeerProcess[] = []
  #stopped = false

  /** Starts a process, which takes the place of one that ended, if that is given. */
  launch(instead?: PeerProcess): PeerProcess {
    if (this.#stopped) throw new Error('interrupted')
    const peer = new PeerProcess(instead?.number ?? this.peers.length + 1)
    this.peers[peer.number - 1] = peer
    return peer
  }

  /** Stops all of them; resolves when every process has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.peers.map(peer => peer.stop()))
  }
}
