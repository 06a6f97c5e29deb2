/** One script of this folder, and how long it takes, about, on two cores. */
export interface Entry {
  readonly name: string
  readonly about: string
  /** Seconds without and with rivals. The last run's own are taken where there are any. */
  readonly seconds: readonly [alone: number, withRivals: number]
}

/** All scripts, in the order of the page: the one list that the runner goes by. */
export const list: readonly Entry[] = [
  { name: 'spread', about: 'until all know each other, and what one of them sets', seconds: [60, 260] },
  { name: 'death', about: 'until a killed or silent process is noticed', seconds: [140, 400] },
  { name: 'idle', about: 'what peers cost that have nothing to say', seconds: [70, 200] },
  { name: 'steady', about: 'whether busy peers take each other for dead', seconds: [70, 70] },
  { name: 'events', about: 'say to hear, to one and to four', seconds: [60, 180] },
  { name: 'calls', about: 'calls between processes', seconds: [110, 190] },
  { name: 'queue', about: 'durable jobs, which outlive everybody', seconds: [80, 130] },
  { name: 'join', about: 'a newcomer to 100,000 keys', seconds: [30, 40] },
  { name: 'keyspace', about: 'memory of keys and of peers', seconds: [70, 150] },
  { name: 'large', about: 'a megabyte at once', seconds: [10, 10] },
  { name: 'channels', about: 'channels by way of a server', seconds: [40, 40] },
  { name: 'micro', about: 'by part: what each costs by itself', seconds: [65, 65] },
]
