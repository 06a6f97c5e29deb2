import type { NCChannelConfig } from './config.js'
import { controlChannel } from './names.js'
import { partOfName } from './pattern.js'

/**
 * To which channels the messages of each go: its own first, then those that its `propagatetochannels` names, each
 * once. A pattern reaches `control` only if it spells that word out: `.*` is everything but that.
 */
export function routesOf(channels: ReadonlyMap<string, Required<NCChannelConfig>>): Map<string, readonly string[]> {
  const routes = new Map<string, readonly string[]>()
  for (const [name, { propagatetochannels }] of channels) {
    routes.set(name, [name, ...others(name, propagatetochannels, [...channels.keys()])])
  }
  return routes
}

function others(name: string, pattern: false | string, all: readonly string[]): readonly string[] {
  if (pattern === false) return []
  const matches = partOfName(pattern)
  const meansControl = pattern.includes(controlChannel)
  return all.filter(other => other !== name && matches(other) && (other !== controlChannel || meansControl))
}
