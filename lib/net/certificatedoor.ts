import { X509Certificate } from 'node:crypto'
import type { Socket, TcpNetConnectOpts } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { parseAddress } from './address.js'
import { type Certificates, covers } from './certificates.js'
import { type Door, tlsCode, type Visitor } from './door.js'
import { Handshakes } from './handshakes.js'

/**
 * Lets in who has a certificate from the cluster's authority, under the names that it is valid for. Both sides show
 * theirs.
 */
export class CertificateDoor implements Door {
  readonly #certificates: Certificates
  readonly #handshakes: Handshakes
  /** Which authority a connection was let in by. */
  readonly #authorities = new WeakMap<Socket, string>()

  constructor(certificates: Certificates, handshakeMs: number) {
    this.#certificates = certificates
    // Whom TLS does not believe is turned away below, so that the reason is known.
    const options = { requestCert: true, rejectUnauthorized: false, handshakeTimeout: handshakeMs }
    this.#handshakes = new Handshakes({ ...certificates.context, ...options }, explain)
  }

  dial(where: TcpNetConnectOpts): TLSSocket {
    // Whether the certificate is valid for the other side's name is seen once it has said its name.
    const tls = connect({ ...this.#certificates.context, ...where, checkServerIdentity: () => undefined })
    this.#authorities.set(tls, this.#certificates.authority)
    return tls
  }

  admit(socket: Socket, visitor: Visitor): void {
    this.#handshakes.begin(socket, {
      admitted: (tls) => {
        if (tls.authorized) {
          this.#authorities.set(tls, this.#certificates.authority)
          visitor.admitted(tls)
        } else {
          tls.destroy()
          visitor.refused(explain(String(tls.authorizationError)))
        }
      },
      refused: (reason) => visitor.refused(reason),
    })
  }

  renew(): void {
    this.#handshakes.renew(this.#certificates.context)
  }

  objection(socket: TLSSocket, name?: string): string | undefined {
    if (this.#authorities.get(socket) !== this.#certificates.authority) return 'vouched for by a former authority'
    if (name === undefined) return undefined
    // Not getPeerX509Certificate: at the end that dialled, Node.js 20 gives it out only once.
    const { raw } = socket.getPeerCertificate() as { raw?: Buffer }
    if (raw !== undefined && covers(new X509Certificate(raw), parseAddress(name).host)) return undefined
    return `its certificate is not valid for the name ${name}`
  }

  explain(error: NodeJS.ErrnoException, inside: boolean): string | undefined {
    const code = tlsCode(error)
    return code !== undefined && inside ? `damaged TLS: ${code}` : code && explain(code)
  }
}

function explain(code: string): string {
  return `no certificate that counts: ${code}`
}
