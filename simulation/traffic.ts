import { Message } from '../lib/gossip/message.js'

/** What a message is for. */
export type TrafficClass = 'news' | 'repair' | 'liveness'

/** Messages and payload bytes. */
export interface Count {
  /** Datagrams and frames. */
  messages: number
  /** Payload, without the headers of IP, UDP and TCP. */
  bytes: number
}

/** Where a message says of what kind it is, and to which class each kind belongs. */
const kindAt = 2
const classes: Readonly<Record<number, TrafficClass>> = {
  [Message.heartbeat]: 'liveness',
  [Message.echo]: 'liveness',
  [Message.digest]: 'repair',
  [Message.delta]: 'repair',
  [Message.news]: 'news',
}

/** The class of an encoded message. */
export function classOf(message: Uint8Array): TrafficClass {
  return classes[message[kindAt] ?? 0] ?? 'repair'
}

/** Counts that begin at nothing. */
export function noTraffic(): Record<TrafficClass, Count> {
  return { news: { messages: 0, bytes: 0 }, repair: { messages: 0, bytes: 0 }, liveness: { messages: 0, bytes: 0 } }
}

/** Adds a message to a count. */
export function count(counts: Readonly<Record<TrafficClass, Count>>, kind: TrafficClass, bytes: number): void {
  const counted = counts[kind]
  counted.messages++
  counted.bytes += bytes
}

/** What came since an earlier count. */
export function since(
  now: Readonly<Record<TrafficClass, Count>>,
  before: Readonly<Record<TrafficClass, Count>>,
): Record<TrafficClass, Count> {
  const counts = noTraffic()
  for (const kind of ['news', 'repair', 'liveness'] as const) {
    counts[kind].messages = now[kind].messages - before[kind].messages
    counts[kind].bytes = now[kind].bytes - before[kind].bytes
  }
  return counts
}

/** All classes together. */
export function total({ news, repair, liveness }: Readonly<Record<TrafficClass, Count>>): Count {
  return {
    messages: news.messages + repair.messages + liveness.messages,
    bytes: news.bytes + repair.bytes + liveness.bytes,
  }
}
