import type { Clock } from '../lib/host/clock.js'
import type { Happening } from './queue.js'
import type { Machine } from './machine.js'

/**
 * The clock of one life of one machine. `now` is the same everywhere, as nobody can tell; `wall` is off by what the
 * machine's clock is off. When the life ends its timers die with it, and the clock takes no more of them.
 */
export class VirtualClock implements Clock {
  readonly #machine: Machine
  readonly #life: number
  #pending = 0

  constructor(machine: Machine) {
    this.#machine = machine
    this.#life = machine.life
  }

  /** Timers that are set and neither ran nor were taken back. */
  get pending(): number {
    return this.#pending
  }

  now(): number {
    return this.#machine.time.nowMs
  }

  wall(): number {
    return this.#machine.time.wallMs + this.#machine.clockSkewMs
  }

  after(ms: number, run: () => void): () => void {
    // a timer for now or for the past still has to let time go on, or one that sets itself anew would stop the world
    return this.#set(Math.max(1, Math.min(ms, maxDelayMs) * 1_000), 'timer', run)
  }

  soon(run: () => void): () => void {
    return this.#set(0, 'soon', run)
  }

  #set(delayUs: number, phase: 'timer' | 'soon', run: () => void): () => void {
    const machine = this.#machine
    if (machine.life !== this.#life) return () => {}
    let isPending = true
    this.#pending++
    const settle = (): boolean => {
      if (!isPending) return false
      isPending = false
      this.#pending--
      return true
    }
    const timer: Happening = {
      happen: () => {
        if (!isPending || machine.life !== this.#life || machine.holds(phase, timer)) return
        settle()
        machine.wakes()
        run()
      },
    }
    machine.time.after(Number.isNaN(delayUs) ? 1 : delayUs, timer)
    return settle
  }
}

/** Longest delay taken at its word: a year. */
const maxDelayMs = 365 * 24 * 3_600_000
