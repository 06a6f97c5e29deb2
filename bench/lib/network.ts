import { spawn, spawnSync } from 'node:child_process'

/** Set in the environment of a script that has a network of its own. */
const mark = 'BENCH_OWN_NETWORK'
const command = 'ip link set lo up && exec "$@"'

/**
 * Starts this script anew with a loopback of its own (a network namespace of Linux), so that what the system counts
 * there is what the script and its children sent and nothing else; ends when that ends. Returns when it is there
 * already (true), or when the system has no such thing (false).
 */
export async function ownNetwork(): Promise<boolean> {
  if (process.env[mark] !== undefined) return true
  const unshare = ['-rn', 'sh', '-c', command, 'sh']
  if (spawnSync('unshare', [...unshare, 'true']).status !== 0) return false
  const child = spawn('unshare', [...unshare, process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit', env: { ...process.env, [mark]: '1' },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.prependListener(signal, () => child.kill(signal))
  }
  return process.exit(await new Promise<number>(resolve => child.once('close', code => resolve(code ?? 1))))
}
