import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '..', 'rivals')

/** Installs what bench/rivals/package.json names, from npm, the first time. */
export function installRivals(): void {
  if (['telepathine', 'moleculer'].every(name => existsSync(join(folder, 'node_modules', name)))) return
  const { status, stderr } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`bench/rivals could not be installed: ${stderr}`)
}
