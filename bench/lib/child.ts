import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { build, childrenFolder } from './build.js'
import type { Answer, Commands, Question } from './serve.js'

/** A process of its own, with typed commands; see `serve.ts` for its side. */
export interface Child<C extends Commands> {
  readonly pid: number
  call<K extends keyof C & string>(command: K, ...args: Parameters<C[K]>): Promise<Awaited<ReturnType<C[K]>>>
  /** Sends a signal without waiting for what comes of it. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  /** Ends it and waits until it is gone. */
  end(): Promise<void>
}

/** How to start a child. */
export interface ChildOptions { execArgv?: string[] }

const running = new Set<ChildProcess>()
const callTimeoutMs = 180_000

/** Extra flags of Node for every child (`--cpu-prof …`). */
export const childFlags: string[] = []

// A stopped process does not notice that its channel closed, so it is killed rather than trusted to go.
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

/** Starts bench/children/`script` and resolves when it has loaded and can be asked. */
export async function spawnChild<C extends Commands>(script: string, options: ChildOptions = {}): Promise<Child<C>> {
  build()
  const child = fork(join(childrenFolder, `${script}.js`), [], {
    execArgv: ['--no-deprecation', '--enable-source-maps', ...childFlags, ...(options.execArgv ?? [])],
  })
  running.add(child)
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  const gone = new Promise<void>(resolve => child.once('exit', () => {
    running.delete(child)
    for (const { reject } of waiting.values()) reject(new Error(`child ${script} (${child.pid}) ended`))
    waiting.clear()
    resolve()
  }))
  child.on('error', () => {}) // a message to a child that was just killed
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    void gone.then(() => reject(new Error(`child ${script} did not start`)))
  })
  child.on('message', ({ id, result, error }: Answer) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.resolve(result)
    else asked?.reject(new Error(error))
  })

  let lastId = 0
  return {
    pid: child.pid ?? 0,
    call(command, ...args) {
      const question: Question = { id: ++lastId, command, args }
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => settle(() => reject(new Error(`${command}: no answer`))), callTimeoutMs)
        const settle = (finish: () => void): void => { clearTimeout(timer); waiting.delete(question.id); finish() }
        waiting.set(question.id, {
          resolve: result => settle(() => resolve(result as never)),
          reject: error => settle(() => reject(error)),
        })
        if (child.connected) child.send(question)
        else settle(() => reject(new Error(`child ${script} (${child.pid}) is gone`)))
      })
    },
    signal: signal => void child.kill(signal),
    async end() {
      if (child.connected) child.disconnect()
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(timer)
    },
  }
}

/** Starts several, four at a time: more would only queue for the cores, and the slowest would time out first. */
export async function spawnChildren<C extends Commands>(count: number, script: string): Promise<Child<C>[]> {
  const children: Child<C>[] = []
  while (children.length < count) {
    const batch = Math.min(4, count - children.length)
    children.push(...await Promise.all(Array.from({ length: batch }, () => spawnChild<C>(script))))
  }
  return children
}

/** Ends them all. */
export const endAll = async (children: readonly { end(): Promise<void> }[]): Promise<void> => {
  await Promise.all(children.map(child => child.end()))
}
