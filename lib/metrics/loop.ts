import { monitorEventLoopDelay, type EventLoopUtilization, type IntervalHistogram, performance } from 'node:perf_hooks'
import { counter, type Family, only, type Quantiles } from './families.js'

/** How often the system looks whether the loop comes round in time. */
const resolutionMs = 20
/** Quantiles are of the last one to two of these. */
const windowMs = 30_000
const quantiles = [0.5, 0.99, 1] as const
const nsPerSecond = 1e9

/** Watches how late this process's event loop comes round, from `start` to `stop`. */
export class LoopDelay {
  #present: IntervalHistogram | undefined
  #past: IntervalHistogram | undefined
  #timer: NodeJS.Timeout | undefined
  #begun: EventLoopUtilization | undefined
  /** Of all windows that are over. */
  #count = 0
  #sum = 0

  start(): void {
    this.#begun = performance.eventLoopUtilization()
    this.#present = begin()
    this.#timer = setInterval(() => this.#turn(), windowMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#present?.disable()
    this.#past = undefined
  }

  /** What is measured of it. */
  get families(): Family[] {
    return [
      {
        name: 'telepathine_event_loop_delay_seconds',
        help: 'How late the event loop comes round: quantiles of the last minute or so.',
        type: 'summary',
        labels: [],
        read: () => only(this.#quantiles()),
      },
      counter('event_loop_active_seconds_total', 'Time that the event loop was not waiting since HTTP began.', [], () =>
        only(performance.eventLoopUtilization(this.#begun).active / 1_000)),
    ]
  }

  #turn(): void {
    const present = this.#present
    if (present === undefined) return
    present.disable()
    this.#count += present.count
    this.#sum += sumOf(present)
    this.#past = present
    this.#present = begin()
  }

  #quantiles(): Quantiles {
    const windows = [this.#past, this.#present].filter((window) => window !== undefined && window.count > 0)
    const worst = (share: number): number =>
      Math.max(0, ...windows.map((window) => secondsOf(window?.percentile(share * 100) ?? 0)))
    const { count = 0 } = this.#present ?? {}
    return {
      quantiles: new Map(quantiles.map((share) => [share, worst(share)])),
      count: this.#count + count,
      sum: this.#sum + sumOf(this.#present),
    }
  }
}

function begin(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  histogram.enable()
  return histogram
}

/** The histogram holds the time between two looks, in ns; late is what exceeds that. */
function secondsOf(ns: number): number {
  return Math.max(0, ns / nsPerSecond - resolutionMs / 1_000)
}

function sumOf(histogram: IntervalHistogram | undefined): number {
  return histogram === undefined || histogram.count === 0 ? 0 : histogram.count * secondsOf(histogram.mean)
}
