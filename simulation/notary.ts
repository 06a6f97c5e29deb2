import { hashBytes, saltBytes, type Notary, type Signer, type Verify } from '../lib/gossip/notary.js'
import { mix32, sumBytes, sumStart } from '../lib/gossip/hash.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const nothing = new Uint8Array(0)

/**
 * Signatures for peers on virtual time. They keep apart what different peers said as real ones do, and cost little;
 * whoever wants to forge one can.
 */
export class VirtualNotary implements Notary {
  readonly #name: string
  #salts = 0

  constructor(name: string) {
    this.#name = name
  }

  signer(): Signer {
    const certificate = encoder.encode(this.#name)
    return { certificate, sign: (statement) => this.hash(certificate, statement) }
  }

  trust(certificate: Uint8Array, name: string): Verify | undefined {
    if (decoder.decode(certificate) !== name) return undefined
    const expected = encoder.encode(name)
    return (statement, signature) => String(this.hash(expected, statement)) === String(signature)
  }

  hash(head: Uint8Array, rest: Uint8Array): Uint8Array {
    const hash = new Uint8Array(hashBytes)
    const view = new DataView(hash.buffer)
    for (let at = 0; at < hashBytes; at += 4) {
      view.setUint32(at, mix32(sumBytes(sumBytes(mix32(sumStart + at), head), rest)))
    }
    return hash
  }

  salt(): Uint8Array {
    const salt = encoder.encode(`${this.#name} ${++this.#salts}`)
    return this.hash(salt, nothing).slice(0, saltBytes)
  }
}
