/** One script of this folder, and how long it takes, about, on two cores. */
export interface Entry {
  readonly name: string
  readonly about: string
  /** Seconds without and with rivals. The last run's own are taken where there are any. */
  readonly seconds: readonly [alone: number, withRivals: number]
}

/** All scripts, in the order of the page: the one list that the runner goes by. */
export const list: readonly Entry[] = [
  { name: 'spread', about: 'until all know each other, and what one of them sets', seconds: [70, 330] },
  { name: 'death', about: 'until a killed or silent process is noticed', seconds: [150, 330] },
  { name: 'idle', about: 'what peers cost that have nothing to say', seconds: [60, 220] },
  { name: 'steady', about: 'whether busy peers take each other for dead', seconds: [70, 70] },
  { name: 'events', about: 'say to hear, to one and to four', seconds: [50, 140] },
  { name: 'calls', about: 'calls between processes', seconds: [110, 210] },
  { name: 'join', about: 'a newcomer to 100,000 keys', seconds: [25, 35] },
  { name: 'keyspace', about: 'memory of keys and of peers', seconds: [60, 150] },
  { name: 'large', about: 'a megabyte at once', seconds: [10, 10] },
  { name: 'seal', about: 'what sealing a datagram costs', seconds: [25, 25] },
  { name: 'channels', about: 'channels by way of a server', seconds: [40, 40] },
  { name: 'micro', about: 'by part: what each costs by itself', seconds: [60, 60] },
]
