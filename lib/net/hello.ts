import { wordBytes } from './frame.js'
import { formatAddress, parseAddress } from './address.js'
import { preamble } from './sniff.js'

/** The version of the peer protocol spoken over connections; peers of different versions do not talk. */
export const protocolVersion = 1

/** Largest hello taken, in bytes. */
export const helloBytesMax = 2_048

/**
 * What either side of a connection says first.
 *
 *     u8 version, 8 bytes instance, u32 serial, u16 length and cluster, u16 length and name
 */
export interface Hello {
  /** Drawn anew whenever a peer opens its sockets: 16 hexadecimal digits. */
  readonly instance: string
  /** Rises with every hello that the instance sends: 32 bits. */
  readonly serial: number
  readonly cluster: string
  /** Under which the peer is known, and can be dialled. */
  readonly name: string
}

/** The first bytes of a connection: the preamble, and the hello as the first frame. */
export function encodeHello(hello: Hello): Uint8Array {
  const cluster = Buffer.from(hello.cluster)
  const name = Buffer.from(hello.name)
  const bytes = Buffer.alloc(preamble.length + wordBytes + 17 + cluster.length + name.length)
  bytes.set(preamble)
  let at = bytes.writeUInt32BE(bytes.length - preamble.length - wordBytes, preamble.length)
  at = bytes.writeUInt8(protocolVersion, at)
  at += bytes.write(hello.instance, at, 'hex')
  at = bytes.writeUInt32BE(hello.serial, at)
  at = bytes.writeUInt16BE(cluster.length, at)
  at += cluster.copy(bytes, at)
  at = bytes.writeUInt16BE(name.length, at)
  name.copy(bytes, at)
  return bytes
}

/** Reads the frame that holds the other side's hello. Returns why it is none, in words, for whatever bytes. */
export function decodeHello(frame: Uint8Array): Hello | string {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
  if (bytes[0] !== protocolVersion) return `protocol version ${bytes[0] ?? 'missing'}, not ${protocolVersion}`
  try {
    const nameAt = 15 + bytes.readUInt16BE(13)
    if (bytes.readUInt16BE(nameAt) !== bytes.length - nameAt - 2) return 'malformed hello'
    const name = utf8.decode(bytes.subarray(nameAt + 2))
    const address = parseAddress(name, 1)
    if (formatAddress(address.host, address.port) !== name) return 'malformed name in hello'
    return {
      instance: bytes.toString('hex', 1, 9),
      serial: bytes.readUInt32BE(9),
      cluster: utf8.decode(bytes.subarray(15, nameAt)),
      name,
    }
  } catch {
    return 'malformed hello'
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
