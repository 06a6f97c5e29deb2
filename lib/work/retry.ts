import type { Random } from '../gossip/random.js'
import type { RetryBudget } from './budget.js'
import { Refusal } from './frame.js'

/** How an attempt ended that brought no answer. */
export type Failure =
  /** The worker did not begin it, and says why. */
  | { readonly kind: 'refused'; readonly why: Refusal; readonly retryAfterMs: number }
  /** The worker is gone, and it never left here. */
  | { readonly kind: 'unsent' }
  /** The worker is gone, or has forgotten: nobody knows whether it was done. */
  | { readonly kind: 'lost' }

/** What a call has been through, as far as it matters here. */
export interface Trials {
  /** Whether doing it twice is as good as once. */
  readonly idempotent: boolean
  /** Whether the caller has seen some of its output. */
  readonly isTold: boolean
  /** How often it tried elsewhere because a worker was busy. */
  bounces: number
  /** How often it tried elsewhere because a worker had gone, or was about to. */
  moves: number
  /** How often it was lost. */
  losses: number
}

/** `elsewhere`: at once, with a worker not tried yet. `later`: after {@link backoffMs}. `settle`: no more. */
export type Step = 'elsewhere' | 'later' | 'settle'

const bouncesMax = 2
const movesMax = 16
/** How often an idempotent call is begun at most. */
const attemptsMax = 3
const backoffBaseMs = 50

/**
 * What to do next. What was provably not begun may be tried elsewhere; what may have been done is done again only if
 * that does no harm, and if the caller has not seen any of it.
 */
export function nextStep(failure: Failure, trials: Trials, budget: RetryBudget): Step {
  if (failure.kind === 'lost') {
    return ++trials.losses < attemptsMax && trials.idempotent && !trials.isTold ? 'later' : 'settle'
  }
  if (failure.kind === 'refused' && failure.why === Refusal.busy) {
    if (trials.bounces >= bouncesMax || !budget.spend()) return 'settle'
    trials.bounces++
    return 'elsewhere'
  }
  const isGone = failure.kind === 'unsent' || failure.why === Refusal.draining || failure.why === Refusal.unknown
  return isGone && trials.moves++ < movesMax ? 'elsewhere' : 'settle'
}

/** The pause before the attempt after so many losses: anything up to 50 ms, doubled with each (full jitter). */
export function backoffMs(losses: number, random: Random): number {
  return random.unit() * backoffBaseMs * 2 ** (losses - 1)
}
