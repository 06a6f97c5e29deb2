import { Writer } from '../lib/gossip/bytes.js'
import type { GossipConfig } from '../lib/gossip/config.js'
import { Expiry } from '../lib/gossip/expiry.js'
import { identify } from '../lib/gossip/identity.js'
import type { SpaceListener } from '../lib/gossip/keyspace.js'
import { Member } from '../lib/gossip/member.js'
import { Mesh } from '../lib/gossip/mesh.js'
import { clusterTag, Message, writeHeader } from '../lib/gossip/message.js'
import { Outbox } from '../lib/gossip/outbox.js'
import { Sections } from '../lib/gossip/sections.js'

/** A peer that has just begun to live, as all others are to know it. */
export interface Founder {
  readonly name: string
  readonly incarnation: number
}

/**
 * One message that tells of everybody, as a peer that knows them all would answer a newcomer, from the first of them.
 * Handed to each, it makes a cluster of them at once: joining many thousands one by one takes most of an hour.
 */
export function introductions(founders: readonly Founder[], config: GossipConfig): Uint8Array {
  const mesh = new Mesh(config, new Expiry(), deaf, new Outbox())
  const [first, ...others] = founders.map(({ name, incarnation }) => new Member(identify(name, incarnation)))
  if (first === undefined) throw new RangeError('nobody to tell of')
  mesh.settle(first)
  const writer = new Writer(1 << 20)
  writeHeader(writer, Message.delta, clusterTag(config.cluster), { ...first.identity, beat: 0 })
  // it answers no question, and says nothing about rates
  for (let i = 0; i < 4; i++) writer.u8(0)
  const sections = new Sections(mesh, config, () => {})
  for (const member of [first, ...others]) {
    member.metadata = config.metadata
    sections.write(writer, member, 0, Infinity, true, 0)
  }
  sections.end(writer)
  writer.varint(0)
  return writer.take()
}

/** Nothing is heard by who only writes down. */
const deaf: SpaceListener = {
  changed() {},
  removed() {},
  expired() {},
  said() {},
  missed() {},
  announced() {},
}
