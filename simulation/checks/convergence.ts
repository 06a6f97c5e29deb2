import type { Observed } from '../referee.js'
import { areSame } from './same.js'

/**
 * What keeps the peers that are up from being of one mind: each must take exactly the others to be alive, and have
 * the same keys and values of each as that one has itself. At most `max` differences, none when they converged.
 */
export function differences(up: readonly Observed[], max = 5): string[] {
  const found: string[] = []
  for (const observer of up) {
    const live = new Set(observer.live())
    for (const owner of up) {
      if (found.length >= max) return found
      if (owner === observer) continue
      if (live.delete(owner.name)) found.push(...keyDifferences(observer, owner))
      else found.push(`${observer.name} does not take ${owner.name} to be alive`)
    }
    for (const name of live) found.push(`${observer.name} takes ${name} to be alive`)
  }
  return found.slice(0, max)
}

/** Whether one takes the other to be alive and has all that the other has. */
export function agrees(observer: Observed, owner: Observed): boolean {
  return observer.live().includes(owner.name) && keyDifferences(observer, owner).length === 0
}

function keyDifferences(observer: Observed, owner: Observed): string[] {
  const found: string[] = []
  const keys = owner.keys(owner.name)
  const about = `of ${owner.name} at ${observer.name}`
  for (const key of keys) {
    const own = owner.read(owner.name, key)
    const known = observer.read(owner.name, key)
    if (own === undefined) continue
    if (known === undefined) found.push(`${key} ${about} is missing`)
    else if (known.version !== own.version) found.push(`${key} ${about} is ${known.version}, not ${own.version}`)
    else if (!areSame(own.value, known.value)) found.push(`${key} ${about} has another value`)
  }
  const own = new Set(keys)
  for (const key of observer.keys(owner.name)) if (!own.has(key)) found.push(`${key} ${about} is still there`)
  return found
}
