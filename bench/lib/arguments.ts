import { parseArgs } from 'node:util'
import { childFlags } from './child.js'
import { installRivals, presence, rivalNames, type RivalName } from './rivals.js'

/** Who is measured: this library, the machine without any library, or a rival. */
export type Side = 'ours' | 'floor' | RivalName

/** What a script was asked to do. */
export interface Arguments {
  json: boolean
  /** Whether short windows and few repetitions will do: to see that it works, not for figures. */
  quick: boolean
  /** Repetitions, unless the script's own number is wanted. */
  repetitions: number | undefined
  minutes: number | undefined
  /** Whether to measure this side. Rivals only with --rivals, and those that are there. */
  wants(side: Side): boolean
}

/** Reads the command line that all scripts share. */
export function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rivals: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      repetitions: { type: 'string' },
      minutes: { type: 'string' },
      only: { type: 'string', multiple: true },
      profile: { type: 'string' },
    },
  })
  const { json, quick, only, profile } = values
  const all = ['ours', 'floor', ...rivalNames]
  const unknown = only?.find(side => !all.includes(side))
  if (unknown !== undefined) throw new Error(`--only ${unknown}: one of ${all.join(', ')}`)
  const isRival = (side: string): side is RivalName => (rivalNames as string[]).includes(side)
  const rivals = values.rivals || only?.some(isRival) === true
  if (rivals) installRivals()
  if (profile !== undefined) childFlags.push('--cpu-prof', `--cpu-prof-dir=${profile}`)
  return {
    json,
    quick,
    repetitions: values.repetitions === undefined ? quick ? 2 : undefined : Number(values.repetitions),
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
    wants: side => (only === undefined || only.includes(side))
      && (!isRival(side) || (rivals && !('missing' in presence(side)))),
  }
}
