/** What the demo asks of one of its peer processes. */
export type Order =
  | { readonly do: 'start'; readonly port: number; readonly seeds: readonly string[] }
  | { readonly do: 'set'; readonly key: string; readonly value: unknown; readonly expiresAt?: number }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'say'; readonly event: string; readonly data: unknown }
  | { readonly do: 'stop' }

/** What a peer process tells the demo: something that it did or saw. `at` is unix time in ms, with fractions. */
export type Report = { readonly at: number } & (
  | { readonly what: 'started'; readonly name: string; readonly port: number }
  | { readonly what: 'did'; readonly order: Order['do'] }
  | { readonly what: 'failed'; readonly message: string }
  | { readonly what: 'live'; readonly peers: readonly string[] }
  | { readonly what: 'lost'; readonly peer: string; readonly reason: string }
  | { readonly what: 'set' | 'deleted' | 'expired'; readonly peer: string; readonly key: string }
  | { readonly what: 'heard'; readonly peer: string; readonly event: string }
)

/** A report without its time, kind by kind. */
export type News = Report extends infer Kind ? (Kind extends { at: number } ? Omit<Kind, 'at'> : never) : never

/** Now, on a scale that all processes of one machine share: unix ms, with fractions. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}
