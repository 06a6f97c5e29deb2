import { rivals, rivalNames, type RivalName } from './rivals.js'
import type { Sample } from './sample.js'

/** One measured quantity: ours beside the rivals, and beside what the machine does without any library. */
export interface Figure {
  name: string
  unit: string
  /** What is better; less, unless it says so. */
  better?: 'more'
  /** What is asked for. `statistic`: what of ours must hold to it; the median unless said otherwise. */
  target?: { atMost?: number; atLeast?: number; statistic?: 'median' | 'max' | 'min' }
  ours?: Sample | undefined
  floor?: Sample | undefined
  rivals?: Partial<Record<RivalName, Sample | undefined>>
  /** Rivals that were measured and did not do it, and what became of them: `not within 30 s`. */
  gaveUp?: Partial<Record<RivalName, string | undefined>>
  /** What the figure cannot say by itself. */
  note?: string
}

/** Whether ours meets the target; undefined when there is nothing to say. */
export function meetsTarget({ target, ours }: Figure): boolean | undefined {
  if (target === undefined || ours === undefined) return undefined
  const value = ours[target.statistic ?? 'median']
  return value <= (target.atMost ?? Infinity) && value >= (target.atLeast ?? -Infinity)
}

/** How ours stands to the best of the rivals: by how much the better of the two is better. */
export interface Standing {
  rival: string
  standing: 'ahead' | 'level' | 'behind'
  times: number
  theirs: Sample
}

/**
 * Compares ours with the best rival; undefined when there is nothing to compare. Level: the median of one lies within
 * the extremes of the other.
 */
export function standing({ unit, better, ours, rivals: theirs = {} }: Figure): Standing | undefined {
  if (ours === undefined || unit === 'count') return undefined
  const sign = better === 'more' ? -1 : 1
  const [best] = rivalNames
    .flatMap(name => theirs[name] === undefined ? [] : [{ name, measured: theirs[name] }])
    .sort((a, b) => sign * (a.measured.median - b.measured.median))
  if (best === undefined) return undefined
  const { name, measured } = best
  const isWithin = (value: number, { min, max }: Sample): boolean => value >= min && value <= max
  const isLevel = isWithin(ours.median, measured) || isWithin(measured.median, ours)
  const isAhead = sign * (ours.median - measured.median) < 0
  const by = ours.median / measured.median
  return {
    rival: rivals[name].title,
    standing: isLevel ? 'level' : isAhead ? 'ahead' : 'behind',
    times: by < 1 ? 1 / by : by,
    theirs: measured,
  }
}
