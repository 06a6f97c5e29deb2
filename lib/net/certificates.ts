import { constants, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { certificateBytesMax } from '../gossip/notary.js'
import { familyOf } from './address.js'

/** PEM texts: what a peer shows of itself, and whom it believes. */
export interface CertificateOptions {
  /** Own certificate, followed by those between it and the authority, if any. Valid for the peer's address. */
  readonly cert: string | Uint8Array
  /** Its private key. */
  readonly key: string | Uint8Array
  /** Certificate of the authority that vouches for all peers; several in one text while one replaces another. */
  readonly ca: string | Uint8Array
}

/** The certificates of a peer, in a cluster that has an authority. Printing this shows nothing of the private key. */
export class Certificates {
  readonly #address: string
  #context!: SecureContextOptions
  #authority = ''
  #authorities: readonly X509Certificate[] = []
  #chain: Uint8Array = new Uint8Array(0)
  #key!: KeyObject

  /** @throws Error that says what is wrong with them, without showing them */
  constructor(options: CertificateOptions, address: string) {
    this.#address = address
    this.replace(options)
  }

  /** Takes others instead. Throws as the constructor does, and has changed nothing then. */
  replace(options: CertificateOptions): void {
    const [cert, key, ca] = [options.cert, options.key, options.ca].map((pem) => Buffer.from(pem))
    const own = new X509Certificate(cert!)
    if (!covers(own, this.#address)) {
      throw new Error(`cert is valid for ${own.subjectAltName ?? 'no host'}, not for ${this.#address}`)
    }
    const authorities = split(ca!)
    if (!authorities.some((each) => each.ca)) throw new Error('ca is not the certificate of an authority')
    const chain = pack(split(cert!))
    if (chain.length > certificateBytesMax) {
      throw new Error(`cert and those after it take ${chain.length} bytes, allowed: ${certificateBytesMax}`)
    }
    // No session outlives its connection, and so the authority that it came about by.
    const secureOptions = constants.SSL_OP_NO_TICKET
    const context = { cert, key, ca, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', secureOptions } as const
    // Says whether the key fits, and all else that OpenSSL minds.
    createSecureContext(context)
    this.#context = context
    this.#authority = ca!.toString('base64')
    this.#authorities = authorities
    this.#chain = chain
    this.#key = createPrivateKey(key!)
  }

  /** What TLS is set up with. */
  get context(): SecureContextOptions {
    return this.#context
  }

  /** Tells whether it is still the same authority that is believed. */
  get authority(): string {
    return this.#authority
  }

  /** Whom to believe. */
  get authorities(): readonly X509Certificate[] {
    return this.#authorities
  }

  /** Own certificate and those after it, as others are told of them: each with its length before it. */
  get chain(): Uint8Array {
    return this.#chain
  }

  /** The private key. */
  get key(): KeyObject {
    return this.#key
  }
}

/** The certificates in a PEM text; or the one that is not in PEM. */
function split(pem: Buffer): X509Certificate[] {
  const texts = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g)
  return (texts ?? [pem]).map((text) => new X509Certificate(text))
}

function pack(chain: readonly X509Certificate[]): Uint8Array {
  const parts = chain.flatMap(({ raw }) => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(raw.length)
    return [length, raw]
  })
  return Buffer.concat(parts)
}

/** Whether a certificate is valid for a host. */
export function covers(certificate: X509Certificate, host: string): boolean {
  if (familyOf(host) !== 0) return certificate.checkIP(host) !== undefined
  return certificate.checkHost(host, { subject: 'never' }) !== undefined
}
