import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './peers.js'
import { until } from './time.js'

/** A rival's program that runs for a while on loopback, with a folder of its own that goes with it. */
export interface Server {
  readonly pid: number
  readonly port: number
  /** Sends a signal; nothing happens when it is gone. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  end(): Promise<void>
}

/** How to end what still runs. */
const running = new Set<() => void>()
process.on('exit', () => { for (const kill of running) kill() })

/** What a Redis writes to disk: nothing, the log once a second, or the log before each answer. */
export type Fsync = 'never' | 'everysec' | 'always'

/** Starts a Redis on a free port; its subscribers may fall behind as far as memory reaches. */
export async function startRedis({ fsync = 'never' }: { fsync?: Fsync } = {}): Promise<Server> {
  const [port = 0] = await freePorts(1)
  return start('redis-server', port, folder => [
    '--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, '--save', '', '--loglevel', 'warning',
    '--appendonly', fsync === 'never' ? 'no' : 'yes', ...fsync === 'never' ? [] : ['--appendfsync', fsync],
    '--client-output-buffer-limit', 'pubsub 0 0 0',
  ])
}

/** Starts a NATS server on a free port. */
export async function startNats(): Promise<Server> {
  const [port = 0] = await freePorts(1)
  return start('nats-server', port, () => ['--addr', '127.0.0.1', '--port', `${port}`])
}

/** Starts a program that listens on this port of loopback, and waits until it does. */
export async function start(name: string, port: number, args: (folder: string) => string[]): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), `bench-${name}-`))
  const child = spawn(name, args(folder), { stdio: 'ignore' })
  let isGone = false
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()).once('error', () => resolve()))
  const clean = (): void => rmSync(folder, { recursive: true, force: true })
  const kill = (): void => {
    child.kill('SIGKILL')
    clean()
  }
  running.add(kill)
  void gone.then(() => {
    isGone = true
    running.delete(kill)
    clean()
  })
  await until(`${name} listens`, async () => {
    if (isGone) throw new Error(`${name} ended before it listened`)
    return answers(port)
  }, 20_000, 20)
  return {
    pid: child.pid ?? 0,
    port,
    signal: signal => void child.kill(signal),
    async end() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      child.kill('SIGCONT') // what is stopped does not hear
      await gone
      clearTimeout(timer)
    },
  }
}

/** Whether somebody listens on a port. */
const answers = (port: number): Promise<boolean> => new Promise(resolve => {
  const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true) })
  socket.once('error', () => resolve(false))
})
