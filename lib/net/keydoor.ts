import { constants } from 'node:crypto'
import type { Socket, TcpNetConnectOpts } from 'node:net'
import { connect, createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { type Door, tlsCode, type Visitor } from './door.js'
import { Handshakes } from './handshakes.js'
import type { Keyring, NetworkKey } from './keyring.js'

/**
 * TLS 1.3 with an external pre-shared key and no certificate at all. Keys of a session come from an X25519 exchange
 * besides (`psk_dhe_ke`, the only mode OpenSSL offers unasked), so who learns the pre-shared key later cannot read what
 * was recorded before.
 */
const tlsOptions: SecureContextOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  // OpenSSL ties keys given by callback to SHA-256.
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
  // Nobody's certificate counts, whoever vouches for it.
  ca: [],
  // No session outlives its connection, and so the key that it came about by.
  secureOptions: constants.SSL_OP_NO_TICKET,
}

const stranger = 'no network key in common'

/** Lets in who has a pre-shared key of the cluster. */
export class KeyDoor implements Door {
  readonly #keyring: Keyring
  readonly #context = createSecureContext(tlsOptions)
  readonly #handshakes: Handshakes
  /** By which key a connection came about. */
  readonly #keys = new WeakMap<Socket, NetworkKey>()

  constructor(keyring: Keyring, handshakeMs: number) {
    this.#keyring = keyring
    const pskCallback = (socket: TLSSocket, identity: string): NodeJS.ArrayBufferView | null => {
      const key = keyring.identified(identity)
      if (key === undefined) return null
      this.#keys.set(socket, key)
      return key.connections.export()
    }
    this.#handshakes = new Handshakes({ ...tlsOptions, pskCallback, handshakeTimeout: handshakeMs }, () => stranger)
  }

  dial(where: TcpNetConnectOpts): TLSSocket {
    const key = this.#keyring.first
    const tls = connect({
      ...where,
      secureContext: this.#context,
      pskCallback: () => ({ psk: key.connections.export(), identity: key.identity }),
      // Only asked when the other side gives a certificate instead.
      checkServerIdentity: () => new Error(stranger),
    })
    this.#keys.set(tls, key)
    return tls
  }

  admit(socket: Socket, visitor: Visitor): void {
    this.#handshakes.begin(socket, visitor)
  }

  renew(): void {
    // The keyring is asked each time.
  }

  objection(socket: TLSSocket): string | undefined {
    // OpenSSL counts a pre-shared key as a session taken up again.
    const key = socket.isSessionReused() ? this.#keys.get(socket) : undefined
    if (key === undefined) return stranger
    return this.#keyring.find(key.id) === undefined ? 'came by a network key that is not in use any more' : undefined
  }

  explain(error: NodeJS.ErrnoException, inside: boolean): string | undefined {
    const code = tlsCode(error)
    return code !== undefined && inside ? `damaged TLS: ${code}` : code && stranger
  }
}
