import { chaos, signed } from './chaos.js'
import { churn } from './churn.js'
import { converge } from './converge.js'
import { crash } from './crash.js'
import { dispatch } from './dispatch.js'
import { idle } from './idle.js'
import { join } from './join.js'
import { overload } from './overload.js'
import { partition } from './partition.js'
import type { Scenario } from './scenario.js'

/** Every way to run a cluster, in the order of the help. */
export const scenarios: readonly Scenario[] = [
  converge, idle, crash, join, churn, partition, overload, chaos, signed, dispatch,
]
