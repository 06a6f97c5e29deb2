import { createContext } from 'preact'
import { useContext, useEffect, useReducer, useState } from 'preact/hooks'
import type { Feed, Topic } from './feed.js'

/** What all parts of the page share. */
export interface Shared {
  readonly feed: Feed
  /** The peer that is looked at closely; undefined: none. */
  readonly chosen: string | undefined
  readonly choose: (peer: string | undefined) => void
  /** Shows the keys of a peer. */
  readonly showKeys: (peer: string) => void
}

export const SharedContext = createContext<Shared | undefined>(undefined)

/** What all parts of the page share. */
export function useShared(): Shared {
  const shared = useContext(SharedContext)
  if (!shared) throw new Error('outside of the page')
  return shared
}

/** The feed; the component is drawn anew when something of these topics has changed. */
export function useFeed(...topics: readonly Topic[]): Feed {
  const { feed } = useShared()
  const [, draw] = useReducer<number, undefined>((n) => n + 1, 0)
  useEffect(() => {
    const offs = topics.map((topic) => feed.listen(topic, () => draw(undefined)))
    return () => {
      for (const off of offs) off()
    }
  }, [feed, ...topics])
  return feed
}

/** The peer's clock, once a second. */
export function useNow(): number {
  const { feed } = useShared()
  const [now, setNow] = useState(feed.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(feed.now()), 1_000)
    return () => clearInterval(timer)
  }, [feed])
  return Math.max(now, feed.mirror.at)
}

/** What stands behind `#` in the address. */
export function useHash(): string {
  const [hash, setHash] = useState(location.hash.slice(1))
  useEffect(() => {
    const changed = (): void => setHash(location.hash.slice(1))
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return hash
}
