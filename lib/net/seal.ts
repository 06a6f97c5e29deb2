import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Keyring } from './keyring.js'
import { Replays } from './replays.js'

/**
 * Sealed datagrams.
 *
 *     0      1        2       6        14       18                      end - 16
 *     magic  version  key id  session  counter  time (6 bytes), message  tag
 *     `---- associated data -´`---- nonce ----´ `----- encrypted ------´
 *
 * AES-256-GCM. The nonce must never come twice under one key: the session is drawn anew by each sender at its start and
 * when its counter has run through, 64 random bits; the counter counts its datagrams. (Nonces drawn for every datagram
 * would be unsafe after 2^32 datagrams of all peers together, which a busy cluster sends in a day.) Session and counter
 * show replays to whoever heard the sender before; the time shows them to whoever did not.
 */
const magic = 0x73
const sealVersion = 1
const sessionAt = 6
const counterAt = 14
const bodyAt = 18
const timeBytes = 6
const tagBytes = 16

/** What sealing adds to a datagram. */
export const sealBytes = bodyAt + timeBytes + tagBytes

/** How far a sender's clock may be off ours, its datagram's way included, in ms. Up to that age a replay may work. */
const freshMs = 30_000

const counterMax = 2 ** 32 - 1

/** Seals and opens the datagrams of a closed cluster. */
export class Seal {
  readonly #keyring: Keyring
  readonly #wall: () => number
  readonly #replays: Replays
  #session = randomBytes(8)
  #counter = 0

  /** @param wall unix time in ms */
  constructor(keyring: Keyring, wall: () => number = Date.now) {
    this.#keyring = keyring
    this.#wall = wall
    // A datagram is taken while its time is at most freshMs off, in either direction.
    this.#replays = new Replays(2 * freshMs, wall())
  }

  /** Seals a message given in parts. */
  seal(parts: readonly Uint8Array[]): Buffer {
    const { id, datagrams } = this.#keyring.first
    const header = Buffer.allocUnsafe(bodyAt + timeBytes)
    header[0] = magic
    header[1] = sealVersion
    header.writeUInt32BE(id, 2)
    header.set(this.#session, sessionAt)
    header.writeUInt32BE(this.#nextCounter(), counterAt)
    header.writeUIntBE(this.#wall(), bodyAt, timeBytes)
    const cipher = createCipheriv('aes-256-gcm', datagrams, header.subarray(sessionAt, bodyAt))
    cipher.setAAD(header.subarray(0, sessionAt))
    const body = cipher.update(Buffer.concat([header.subarray(bodyAt), ...parts]))
    cipher.final()
    return Buffer.concat([header.subarray(0, bodyAt), body, cipher.getAuthTag()])
  }

  /** Opens a datagram, or says why it is not to be taken. */
  open(bytes: Uint8Array): Uint8Array | string {
    if (bytes.length < sealBytes || bytes[0] !== magic) return 'not sealed with a network key'
    if (bytes[1] !== sealVersion) return 'sealed in another version'
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const key = this.#keyring.find(source.readUInt32BE(2))
    if (key === undefined) return 'sealed with another network key, or for another cluster'
    const nonce = source.subarray(sessionAt, bodyAt)
    const decipher = createDecipheriv('aes-256-gcm', key.datagrams, nonce, { authTagLength: tagBytes })
    decipher.setAAD(source.subarray(0, sessionAt)).setAuthTag(source.subarray(-tagBytes))
    const body = decipher.update(source.subarray(bodyAt, -tagBytes))
    try {
      decipher.final()
    } catch {
      return 'sealed with a network key, and forged or damaged'
    }
    const now = this.#wall()
    const ageMs = now - body.readUIntBE(0, timeBytes)
    if (Math.abs(ageMs) > freshMs) return `replayed, or clocks differ: ${Math.round(Math.abs(ageMs) / 1_000)} s`
    const session = source.toString('latin1', sessionAt, counterAt)
    if (!this.#replays.isNew(session, source.readUInt32BE(counterAt), now)) return 'replayed'
    return body.subarray(timeBytes)
  }

  #nextCounter(): number {
    if (this.#counter === counterMax) {
      this.#session = randomBytes(8)
      this.#counter = 0
    }
    return this.#counter++
  }
}
