import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** What a server says of itself in the multicast group. */
export interface Beacon {
  /** Only servers of one cluster join each other. */
  readonly cluster: string
  /** Port that it can be joined at; the host is where the datagram came from. */
  readonly port: number
  /** Tells servers apart. */
  readonly session: string
}

/** Longest datagram looked at. */
const beaconBytesMax = 1_024
const plainMagic = Buffer.from('NCB0')
const sealedMagic = Buffer.from('NCB1')
const nonceBytes = 12
const tagBytes = 16

/**
 * Reads and writes beacons:
 *
 *     "NCB0" | JSON
 *     "NCB1" | nonce (12) | AES-256-GCM of the JSON, the first four bytes as associated data | tag (16)
 *
 * With keys only the sealed form is written or read: the first key seals, all open. Keys are derived by HKDF-SHA-256
 * (RFC 5869) under a label of their own. A beacon only invites to join, which needs the key again; so a replayed one
 * does no harm.
 */
export class Beacons {
  readonly #keys: readonly Buffer[]

  constructor(network: string | readonly string[] | undefined) {
    const secrets = network === undefined ? [] : typeof network === 'string' ? [network] : network
    const label = 'telepathine netcluster beacon'
    this.#keys = secrets.map(secret => Buffer.from(hkdfSync('sha256', secret, '', label, 32)))
  }

  encode(beacon: Beacon): Buffer {
    const text = Buffer.from(JSON.stringify(beacon))
    const [key] = this.#keys
    if (key === undefined) return Buffer.concat([plainMagic, text])
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(sealedMagic)
    return Buffer.concat([sealedMagic, nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()])
  }

  /** Undefined when the bytes are no beacon, or not sealed with one of our keys. */
  decode(bytes: Uint8Array): Beacon | undefined {
    if (bytes.length > beaconBytesMax) return undefined
    const magic = this.#keys.length === 0 ? plainMagic : sealedMagic
    if (!magic.equals(bytes.subarray(0, magic.length))) return undefined
    const body = bytes.subarray(magic.length)
    if (this.#keys.length === 0) return parse(body)
    for (const key of this.#keys) {
      const text = open(key, body)
      if (text !== undefined) return parse(text)
    }
    return undefined
  }
}

function open(key: Buffer, body: Uint8Array): Uint8Array | undefined {
  if (body.length < nonceBytes + tagBytes) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, nonceBytes)).setAAD(sealedMagic)
  decipher.setAuthTag(body.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(body.subarray(nonceBytes, -tagBytes)), decipher.final()])
  } catch {
    return undefined
  }
}

function parse(text: Uint8Array): Beacon | undefined {
  try {
    const { cluster, port, session } = JSON.parse(Buffer.from(text).toString()) as Record<string, unknown>
    const isPort = Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535
    if (typeof cluster !== 'string' || !isPort || typeof session !== 'string') return undefined
    return { cluster, port: Number(port), session }
  } catch {
    return undefined
  }
}
