import { join } from 'node:path'

/** bench/, from bench/lib as well as from bench/dist/bench/lib, where compiled children run. */
export const benchFolder = join(import.meta.dirname.replace(/[/\\]dist[/\\]bench[/\\]lib$/, '/lib'), '..')
