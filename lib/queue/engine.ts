/**
 * What a queue engine must do, whatever it is built on. Jobs and outcomes are bytes to it: who may run what, how often,
 * and what comes of it, is decided above (`lib/work/durable.ts`).
 *
 * A job is in one place at a time: waiting (perhaps until its time comes), held by one taker, or among the dead
 * letters. It leaves the engine only by {@link Engine.finish} and {@link Engine.discard}, which leave an outcome in its
 * place.
 */

import type { TelepathineError } from '../gossip/errors.js'

/** A job on its way into an engine. */
export interface NewJob {
  /** Names it in the whole cluster: letters, digits, `-` and `_`. Jobs with the same key have the same. */
  readonly token: string
  /** What is to be done: which queue it goes to. */
  readonly service: string
  /** All that is known of it. */
  readonly bytes: Uint8Array
  /** How long it waits before anybody gets it, milliseconds. */
  readonly delayMs: number
  /** 0 to {@link Engine.priorityMax}: higher ones first. */
  readonly priority: number
  /** Whether another with this token may be known already; then this one is to be forgotten. Otherwise it is new. */
  readonly isKeyed: boolean
}

/** A job in the hands of a taker. */
export interface Delivery {
  /** Of this delivery, in this process. */
  readonly id: number
  readonly token: string
  readonly service: string
  readonly bytes: Uint8Array
  /** 1 for the first; counts those that ended by {@link Engine.putBack} and those whose taker vanished. */
  readonly attempt: number
  /**
   * Whether somebody else was given it before and the engine heard no more of it; the engine cannot tell whether that
   * one is gone, or just cannot be reached. False where it can.
   */
  readonly isDoubtful: boolean
}

/** A job that was given up. */
export interface DeadLetter {
  readonly token: string
  readonly service: string
  /** What was added. */
  readonly bytes: Uint8Array
  /** What became of it. */
  readonly outcome: Uint8Array
}

/** How many jobs of a service there are; undefined where the engine does not tell. */
export interface Depth {
  readonly service: string
  readonly waiting: number
  readonly delayed: number | undefined
  readonly running: number | undefined
  readonly dead: number | undefined
}

/** Told that there may be an outcome, or which one. */
export type Look = (outcome?: Uint8Array) => void

/** What takes jobs. */
export interface Taker {
  /** Takes no more; resolves when none will be delivered any more. Those delivered stay held until they are settled. */
  stop(): Promise<void>
}

/**
 * A queue that outlives its users. All that returns a promise has happened, and survives the death of anything, when
 * the promise resolves; when it rejects it may have happened. Every call MAY be repeated then.
 */
export interface Engine {
  /** Resolves, with why, when it has failed for good: nothing can be done with it any more but to close it. */
  readonly over?: Promise<TelepathineError>
  /** The highest priority; 0: there are none. */
  readonly priorityMax: number
  /** Has others know for whom jobs are held here, by the name of a peer. Called before anything is taken. */
  join(peer: string): Promise<void>
  /**
   * Stores a job. MUST NOT resolve before it would survive the death of this process and of the engine. False: it is
   * certain that it was not stored, and never will be, as one with its token is known.
   */
  add(job: NewJob): Promise<boolean | void>
  /**
   * Delivers jobs of a service, the oldest of the highest priority first, and never more than `room` that are not
   * settled. A delivered job MUST NOT be given to anybody else while this process lives, however long it takes and even
   * if its event loop stands still.
   */
  take(service: string, room: number, deliver: (delivery: Delivery) => void): Promise<Taker>
  /**
   * Whether a doubtful delivery is the job itself, and not what is left of one that was put back, or stored twice: that
   * is forgotten. Asked once nobody else is at it.
   */
  isCurrent(delivery: Delivery): Promise<boolean>
  /** A job is done: stores its outcome for a time, and forgets it. The outcome MUST be stored first, or at once. */
  finish(delivery: Delivery, outcome: Uint8Array): Promise<void>
  /** Gives a job back, to be delivered again, to anybody, in `delayMs`. `isCounted`: whether that was an attempt. */
  putBack(delivery: Delivery, delayMs: number, isCounted: boolean): Promise<void>
  /** Puts a job among the dead letters, with an outcome that is kept as long as it is there. */
  bury(delivery: Delivery, outcome: Uint8Array): Promise<void>
  /** The outcome of a job; undefined while there is none. */
  outcome(token: string): Promise<Uint8Array | undefined>
  /**
   * Calls `look` with the outcome if there is one already, and when there may be one, with it if it is at hand. From
   * the time that it resolves, none is missed; resolves to what ends that.
   */
  watch(token: string, look: Look): Promise<() => void>
  /** The dead letters of a service, the oldest first. */
  dead(service: string, limit: number): Promise<DeadLetter[]>
  /** Gives a dead letter another chance, with all its attempts; false when there is none of that token. */
  revive(token: string): Promise<boolean>
  /**
   * Drops a dead letter and gives it this outcome; false when there is none of that token. Resolves to what was added
   * if it is certain that no job is made of it any more.
   */
  discard(token: string, outcome: Uint8Array): Promise<Uint8Array | boolean>
  /** How much there is of which service, as far as it is known. */
  depths(): Promise<Depth[]>
  /** Keeps a large value under an id; with `fades` for as long as an outcome. */
  putBlob(id: string, bytes: Uint8Array, fades: boolean): Promise<void>
  blob(id: string): Promise<Uint8Array | undefined>
  dropBlob(id: string): Promise<void>
  /** Membership says that a peer is dead: what it held is given to others, once it is certain that it is gone. */
  lost(peer: string): void
  /** Lets go of all that is held, and of the engine. */
  close(): Promise<void>
}

/** What every engine is opened with. */
export interface EngineSettings {
  /** Sets apart several queues on one server; letters, digits, `-` and `_`. */
  readonly name: string
  /** How long outcomes are kept, milliseconds. */
  readonly keepMs: number
}
