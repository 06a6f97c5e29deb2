import { constants, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
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
    if (!new X509Certificate(ca!).ca) throw new Error('ca is not the certificate of an authority')
    // No session outlives its connection, and so the authority that it came about by.
    const secureOptions = constants.SSL_OP_NO_TICKET
    const context = { cert, key, ca, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', secureOptions } as const
    // Says whether the key fits, and all else that OpenSSL minds.
    createSecureContext(context)
    this.#context = context
    this.#authority = ca!.toString('base64')
  }

  /** What TLS is set up with. */
  get context(): SecureContextOptions {
    return this.#context
  }

  /** Tells whether it is still the same authority that is believed. */
  get authority(): string {
    return this.#authority
  }
}

/** Whether a certificate is valid for a host. */
export function covers(certificate: X509Certificate, host: string): boolean {
  if (familyOf(host) !== 0) return certificate.checkIP(host) !== undefined
  return certificate.checkHost(host, { subject: 'never' }) !== undefined
}
