import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { benchFolder } from './folders.js'

/** Where compiled children are. */
export const childrenFolder = join(benchFolder, 'dist', 'bench', 'children')

/**
 * Compiles lib/ and the children to bench/dist. Children run as plain JavaScript: a TypeScript loader in each of 32
 * processes would cost more than what is measured. Not type-checked here; `npm run types` does that.
 */
export function build(): void {
  if (process.env['BENCH_BUILT'] !== undefined) return
  const tsc = join(benchFolder, '..', 'node_modules', 'typescript', 'bin', 'tsc')
  const outcome = spawnSync(process.execPath, [tsc, '-p', join(benchFolder, 'tsconfig.json')], { encoding: 'utf8' })
  if (outcome.status !== 0) throw new Error(`bench/ does not compile:\n${outcome.stdout}${outcome.stderr}`)
  process.env['BENCH_BUILT'] = '1'
}
