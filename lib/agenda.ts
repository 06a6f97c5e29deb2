import type { Clock } from './host/clock.js'

/** Something to be done, once or again and again. */
interface Job {
  readonly ms: number
  readonly run: () => void
  readonly repeats: boolean
  cancel: (() => void) | undefined
}

/**
 * What is to be done while a peer runs. Times count from the start. What was done once is done; what was not done
 * before the stop, and what repeats, begins anew with the next start.
 */
export class Agenda {
  readonly #clock: Clock
  readonly #jobs = new Set<Job>()
  #running = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(ms: number, run: () => void, repeats: boolean): void {
    const job: Job = { ms, run, repeats, cancel: undefined }
    this.#jobs.add(job)
    if (this.#running) this.#arm(job)
  }

  start(): void {
    this.#running = true
    for (const job of this.#jobs) this.#arm(job)
  }

  stop(): void {
    this.#running = false
    for (const job of this.#jobs) job.cancel?.()
  }

  #arm(job: Job): void {
    job.cancel = this.#clock.after(job.ms, () => {
      if (job.repeats) this.#arm(job)
      else this.#jobs.delete(job)
      job.run()
    })
  }
}
