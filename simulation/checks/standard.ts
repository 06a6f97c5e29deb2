import type { Bench, Check } from '../referee.js'
import { Callbacks } from './callbacks.js'
import { Events } from './events.js'
import { History } from './history.js'
import { Limits } from './limits.js'
import { Liveness } from './liveness.js'
import { Versions } from './versions.js'

/** The checks that hold for every run whatever happens in it. */
export const standardChecks: readonly ((bench: Bench) => Check)[] = [
  (bench) => new Versions(bench),
  (bench) => new History(bench),
  (bench) => new Callbacks(bench),
  (bench) => new Events(bench),
  (bench) => new Liveness(bench),
  (bench) => new Limits(bench),
]
