import type { Vitals } from '../vitals.js'
import { counter, each, type Family, gauge, histogram, only } from './families.js'

/** What is measured of a peer itself: who is there, what is known, what goes over the wire. */
export function peerFamilies(vitals: Vitals): Family[] {
  let counted: ReturnType<Vitals['census']> | undefined
  // all metrics are read in one go, and counting once will do for that
  const census = (): ReturnType<Vitals['census']> => {
    if (counted === undefined) queueMicrotask(() => (counted = undefined))
    return (counted ??= vitals.census())
  }
  return [...membership(vitals, census), ...state(vitals, census), ...mending(vitals), ...wire(vitals)]
}

function membership(vitals: Vitals, census: Vitals['census']): Family[] {
  return [
    gauge('start_time_seconds', 'When this life of the peer began, unix time, as its incarnation says.', [], () =>
      only(vitals.incarnation / 1_000)),
    gauge('members', 'Peers known, this one included, by the state that they are held for.', ['state'], () =>
      each('state', census().members)),
    counter('member_changes_total', 'What became of other peers, as seen from here.', ['change'], () =>
      each('change', vitals.peers)),
    gauge('phi_max', 'Suspicion (phi) about the most silent of the peers that are watched here.', [], () =>
      only(census().phiMax)),
    counter('heartbeats_total', 'Heartbeats of this life.', [], () => only(vitals.heartbeats)),
  ]
}

function state(vitals: Vitals, census: Vitals['census']): Family[] {
  return [
    gauge('keys', 'Keys with a value, those that telepathine keeps for itself included.', ['owner'], () => {
      const { own, others } = census()
      return each('owner', { self: own.keys, others: others.keys })
    }),
    gauge('state_bytes', 'What keys and values take, as maxStateBytes counts it.', ['owner'], () => {
      const { own, others } = census()
      return each('owner', { self: own.stateBytes, others: others.stateBytes })
    }),
    gauge('event_bytes', 'What events take that are kept for others, as maxEventBytes counts it.', ['owner'], () => {
      const { own, others } = census()
      return each('owner', { self: own.eventBytes, others: others.eventBytes })
    }),
    counter('updates_total', 'What this peer did with its own keys and events.', ['kind'], () =>
      each('kind', vitals.own)),
    counter('heard_total', 'What came in of other peers\' keys and events; missed: events that a bound dropped.', [
      'kind',
    ], () => each('kind', vitals.heard)),
  ]
}

function mending(vitals: Vitals): Family[] {
  return [
    gauge('pending_bytes', 'Own updates that wait to be sent.', [], () => only(vitals.stats.pendingBytes)),
    gauge('send_limit_bytes_per_second', 'What flow control lets this peer send of its own updates.', [], () =>
      only(vitals.stats.bytesPerSecondMax)),
    counter('backpressure_total', 'Times that set or say returned false (held) or threw ERR_OVERLOAD (refused).', [
      'outcome',
    ], () => {
      const { held, refused } = vitals.stats
      return each('outcome', { held, refused })
    }),
    gauge('lag_seconds', 'Age of the first own update that another peer was heard to lack of late; 0: none.', [], () =>
      only(vitals.stats.lagMs / 1_000)),
    histogram('update_delay_seconds', 'From a value being set to its being known here, by both clocks.', [], () =>
      only(vitals.delays)),
    gauge('differences', 'Reasons to believe that something is lacking here, which are being looked into.', [], () =>
      only(vitals.stats.differences)),
    counter('exchanges_total', 'Repairs begun: in the regular course, or for a difference.', ['cause'], () => {
      const { regular, pulled } = vitals.stats.exchanges
      return each('cause', { regular, difference: pulled })
    }),
    counter('exchanges_unanswered_total', 'Repairs begun that nobody answered.', [], () =>
      only(vitals.stats.exchanges.unanswered)),
  ]
}

function wire(vitals: Vitals): Family[] {
  const classes = (of: 'messages' | 'bytes', way: 'sent' | 'received') => () => {
    const { news, repair, liveness } = vitals.stats[way]
    return each('class', { news: news[of], repair: repair[of], liveness: liveness[of], work: vitals.work[way][of] })
  }
  const protocols = (of: 'messages' | 'bytes', way: 'sent' | 'received') => () => {
    const { udp, tcp } = byProtocol(vitals.traffic, of, way)
    return each('protocol', { udp, tcp })
  }
  return [
    counter('sent_messages_total', 'Messages given to the network, by what they are for.', ['class'],
      classes('messages', 'sent')),
    counter('sent_bytes_total', 'Bytes in messages given to the network, by what they are for.', ['class'],
      classes('bytes', 'sent')),
    counter('received_messages_total', 'Messages that came in, by what they are for.', ['class'],
      classes('messages', 'received')),
    counter('received_bytes_total', 'Bytes in messages that came in, by what they are for.', ['class'],
      classes('bytes', 'received')),
    counter('network_sent_messages_total', 'Datagrams (udp) and frames (tcp) sent.', ['protocol'],
      protocols('messages', 'sent')),
    counter('network_sent_bytes_total', 'Bytes in them, without the heads of IP, UDP and TCP.', ['protocol'],
      protocols('bytes', 'sent')),
    counter('network_received_messages_total', 'Datagrams (udp) and frames (tcp) received.', ['protocol'],
      protocols('messages', 'received')),
    counter('network_received_bytes_total', 'Bytes in them, without the heads of IP, UDP and TCP.', ['protocol'],
      protocols('bytes', 'received')),
    counter('network_dropped_total', 'Messages not sent: too much waited for a peer, or it was out of reach.', [], () =>
      only(vitals.traffic.dropped)),
    counter('rejected_total', 'What came in and was dropped or turned away, by reason.', ['reason'], () =>
      each('reason', vitals.rejections)),
    gauge('connections', 'TCP connections with peers, those that are coming about included.', [], () =>
      vitals.connections === undefined ? [] : only(vitals.connections)),
    gauge('queued_bytes', 'Bytes that wait on the connections to peers.', [], () => only(vitals.queuedBytes)),
  ]
}

function byProtocol(
  traffic: Vitals['traffic'], of: 'messages' | 'bytes', way: 'sent' | 'received',
): { readonly udp: number; readonly tcp: number } {
  const { datagramsOut, datagramsIn, datagramBytesOut, datagramBytesIn } = traffic
  const { framesOut, framesIn, frameBytesOut, frameBytesIn } = traffic
  if (of === 'messages') {
    return way === 'sent' ? { udp: datagramsOut, tcp: framesOut } : { udp: datagramsIn, tcp: framesIn }
  }
  return way === 'sent' ? { udp: datagramBytesOut, tcp: frameBytesOut } : { udp: datagramBytesIn, tcp: frameBytesIn }
}
