import { report } from './report.js'
import { scenarios } from './scenarios/all.js'
import type { Settings } from './scenarios/scenario.js'

export type { Settings } from './scenarios/scenario.js'

/** A scenario to choose. */
export interface Choice {
  readonly name: string
  /** One line for the help. */
  readonly about: string
  /** What it can be asked for beside what all can, as the command line calls it: `updates`, `without` … */
  readonly options: readonly string[]
}

/** What there is to choose from. */
export const choices: readonly Choice[] = scenarios

/** What to run, and what of it to tell. */
export interface Request {
  /** Name of a scenario. */
  readonly scenario: string
  readonly settings: Settings
  /** So many runs, each with the next seed. */
  readonly count: number
  /** Whether to look for a smaller run when one fails. */
  readonly shrink: boolean
  /** Whether to print one object instead of words. */
  readonly json: boolean
  /** File for the curve of the last run. */
  readonly svg: string | undefined
  /** Words before the name of the scenario in the command that repeats a run. */
  readonly command: string
}

/** Where what is said goes, line by line. */
export interface Voice {
  /** What came of it. */
  print(line: string): void
  /** How far it is, and what failed. */
  aside(line: string): void
}

/**
 * Runs a scenario to the end. Whether all was well: nothing was violated, and the cluster converged.
 *
 * @throws RangeError (by rejection) when there is no such scenario
 */
export async function run(request: Request, voice: Voice): Promise<boolean> {
  const scenario = scenarios.find(({ name }) => name === request.scenario)
  if (scenario === undefined) throw new RangeError(`there is no scenario "${request.scenario}"`)
  return report(scenario, request, voice)
}

/** Bytes of heap that a run with so many peers takes at most: each knows each, and the simulation has its own needs. */
export function heapBytes(peers: number): number {
  return 500 * 2 ** 20 + peers * peers * 250
}
