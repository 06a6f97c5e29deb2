/** What is measured by itself, and what one of it is. */
export const parts = {
  'codec: write': 'head of a message',
  'codec: read': 'head of a message',
  'value: encode': 'text of 100 bytes',
  'value: decode': 'text of 100 bytes',
  'frame: encode': '100 frames of 130 bytes',
  'frame: split': '100 frames of 130 bytes',
  'digest: write': 'digest of 100 peers',
  'digest: read': 'digest of 100 peers',
  'delta: write': 'datagram full of keys of 100 bytes',
  'delta: read': '10 keys of 100 bytes, applied',
  phi: 'heartbeat, and how suspicious it is 400 ms later',
  'arcs: cut': 'ring of 1,000 peers cut into 8 arcs',
  'arc broadcast': 'set, until 31 others have it: all that the protocol does for it at all of them',
  'keys: set': 'own key of 100 bytes, replaced',
  'keys: get': 'key among 10,000',
  'keys: set and expire': 'own key with a lifetime, one expiring for each that is set',
  merkle: 'hash tree of 64 leaves',
  'seal: close': 'datagram of 1,000 bytes',
  'seal: close and open': 'datagram of 1,000 bytes',
  yardstick: 'fixed piece of JavaScript, by which machines are compared',
} as const

/** The name of a part. */
export type PartName = keyof typeof parts

/** All of them, in their order. */
export const partNames = Object.keys(parts) as PartName[]
