import { createHash, hash, randomBytes, sign, verify, X509Certificate, type KeyObject } from 'node:crypto'
import { hashBytes, saltBytes, type Notary, type Signer, type Verify } from '../gossip/notary.js'
import { parseAddress } from './address.js'
import { type Certificates, covers } from './certificates.js'

/** Certificates between a peer's own and the authority. */
const intermediatesMax = 3
/** Clocks may differ: so long before its certificate was made may a life have begun, by the clock it began on. */
const earlyMs = 24 * 3_600_000
/** From here on it is cheaper to hash two runs of bytes apart than to copy them together. */
const copiedBytesMax = 4_096
/** What a certificate may be for, if it says so: that of a TLS server or client. */
const purposes = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']

/** Signs with the key of a peer's certificate, and believes those whom the cluster's authority vouches for. */
export class CertificateNotary implements Notary {
  readonly #certificates: Certificates
  readonly #joined = Buffer.alloc(copiedBytesMax)

  constructor(certificates: Certificates) {
    this.#certificates = certificates
  }

  signer(): Signer {
    const { chain, key } = this.#certificates
    return { certificate: chain, sign: (statement) => sign(digestFor(key), statement, key) }
  }

  /** Dates are those of the beginning of a life: as long as that goes on, its certificate may have been replaced. */
  trust(certificate: Uint8Array, name: string, incarnation: number): Verify | undefined {
    try {
      const chain = unpack(certificate)
      const [own] = chain
      if (own === undefined || !covers(own, parseAddress(name).host)) return undefined
      const allowed = own.keyUsage as readonly string[] | undefined
      if (allowed !== undefined && !allowed.some((purpose) => purposes.includes(purpose))) return undefined
      if (!this.#isVouchedFor(chain, incarnation)) return undefined
      const key = own.publicKey
      return (statement, signature) => verify(digestFor(key), statement, key, signature)
    } catch {
      return undefined
    }
  }

  /** Sixteen bytes of SHA-256. */
  hash(head: Uint8Array, rest: Uint8Array): Uint8Array {
    const length = head.length + rest.length
    if (length > copiedBytesMax) {
      return createHash('sha256').update(head).update(rest).digest().subarray(0, hashBytes)
    }
    this.#joined.set(head)
    this.#joined.set(rest, head.length)
    return hash('sha256', this.#joined.subarray(0, length), 'buffer').subarray(0, hashBytes)
  }

  salt(): Uint8Array {
    return randomBytes(saltBytes)
  }

  #isVouchedFor(chain: readonly X509Certificate[], atMs: number): boolean {
    for (const [i, certificate] of chain.entries()) {
      if (i > 0 && !certificate.ca) return false
      const { validFrom, validTo } = certificate
      if (!(atMs >= Date.parse(validFrom) - earlyMs && atMs <= Date.parse(validTo))) return false
      const isIssuer = (issuer: X509Certificate): boolean =>
        issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
      if (this.#certificates.authorities.some(isIssuer)) return true
      const next = chain[i + 1]
      if (next === undefined || !isIssuer(next)) return false
    }
    return false
  }
}

/** What {@link Certificates.chain} holds. */
function unpack(bytes: Uint8Array): X509Certificate[] {
  const chain: X509Certificate[] = []
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < buffer.length && chain.length <= intermediatesMax; ) {
    const end = at + 2 + buffer.readUInt16BE(at)
    chain.push(new X509Certificate(buffer.subarray(at + 2, end)))
    at = end
  }
  return chain
}

/** These curves bring their own. */
function digestFor(key: KeyObject): string | undefined {
  return key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyType === 'ed448' ? undefined : 'sha256'
}
