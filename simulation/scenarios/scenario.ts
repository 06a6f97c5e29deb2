import type { Violation } from '../referee.js'

/** What a run is asked for. What is undefined takes the scenario's own default. */
export interface Settings {
  readonly seed: number
  readonly peers: number | undefined
  /** Chance that a datagram gets lost. */
  readonly loss: number | undefined
  readonly latencyMs: readonly [number, number] | undefined
  /** Updates, crashes, joins or the like: how often that happens which the scenario is about. */
  readonly times: number | undefined
  /** How long the part that is measured lasts, virtual seconds. */
  readonly seconds: number | undefined
  /** Share of the peers that stall now and then. */
  readonly pausing: number | undefined
  /** chaos: how many of the drawn steps are taken. */
  readonly steps: number | undefined
  /** chaos: kinds of step that are left out. */
  readonly without: readonly string[]
}

/** Options that set {@link Settings.times}; a scenario has one of them at most. */
export const timesOptions: readonly string[] = ['updates', 'crashes', 'joins']

/** What came of it. */
export interface Outcome {
  /** What `--json` prints, in this order, between the settings and what all scenarios have. */
  readonly figures: Readonly<Record<string, unknown>>
  readonly violations: readonly Violation[]
  /** Whether the cluster did what the scenario demands in the end. */
  readonly isConverged: boolean
  readonly virtualMs: number
  readonly trace: string
  /** Share of the peers (or of whatever was to be reached) over time, for a chart: `[ms, share]`. */
  readonly curve: readonly (readonly [number, number])[]
}

/** Tells whoever waits how far a long run is. */
export type Progress = (line: string) => void

/** A way to run a cluster and what to measure at it. */
export interface Scenario {
  readonly name: string
  /** One line for the help. */
  readonly about: string
  /** What it can be asked for beside what all can: names of options of the command line. */
  readonly options: readonly string[]
  run(settings: Settings, progress: Progress): Outcome | Promise<Outcome>
}
