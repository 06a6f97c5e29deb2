/**
 * Who listens to which name. Names and patterns are cut into segments at `:`; in a pattern the segment `*` stands for
 * any one segment and `**` for any number of them, also none. All other segments stand for themselves, so every string
 * is a legal name, `*` and `__proto__` included.
 */
export class Topics<Handler> {
  readonly #exact = new Map<string, readonly Subscription<Handler>[]>()
  #wild: readonly Subscription<Handler>[] = []

  /** Whether nobody listens to anything. */
  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#wild.length === 0
  }

  /** Adds a listener; returns what takes it off again. */
  add(pattern: string, handler: Handler): () => void {
    const matches = compile(pattern)
    const subscription: Subscription<Handler> = { handler, matches, active: true }
    if (matches) this.#wild = [...this.#wild, subscription]
    else this.#exact.set(pattern, [...(this.#exact.get(pattern) ?? []), subscription])
    return () => {
      subscription.active = false
      if (matches) {
        this.#wild = this.#wild.filter((other) => other !== subscription)
        return
      }
      const rest = this.#exact.get(pattern)?.filter((other) => other !== subscription)
      if (rest && rest.length > 0) this.#exact.set(pattern, rest)
      else this.#exact.delete(pattern)
    }
  }

  /**
   * Those who listen to a name, in the order they came, those who gave it in full first. The list does not change while
   * it is worked through; whoever left meanwhile is no longer `active`.
   */
  find(name: string): readonly Subscription<Handler>[] {
    const exact = this.#exact.get(name) ?? none
    if (this.#wild.length === 0) return exact
    const wild = this.#wild.filter((subscription) => subscription.matches?.(name))
    return exact.length === 0 ? wild : [...exact, ...wild]
  }
}

/** One listener. */
export interface Subscription<Handler> {
  readonly handler: Handler
  /** Undefined when the pattern holds no wildcard. */
  readonly matches: ((name: string) => boolean) | undefined
  active: boolean
}

const none: readonly never[] = []

/** What tells whether a name fits the pattern; undefined when only the pattern's own name does. */
export function compile(pattern: string): ((name: string) => boolean) | undefined {
  const segments = pattern.split(':').filter((segment, i, all) => segment !== '**' || all[i - 1] !== '**')
  if (!segments.includes('*') && !segments.includes('**')) return undefined
  if (segments.length === 1 && segments[0] === '**') return () => true
  // each segment brings its own ':', so that '**' may stand for nothing at all
  const source = segments.map((segment) => {
    if (segment === '**') return '(?::[^:]*)*'
    return `:${segment === '*' ? '[^:]*' : literal(segment)}`
  })
  const expression = new RegExp(`^${source.join('')}$`)
  return (name) => expression.test(`:${name}`)
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)
}
