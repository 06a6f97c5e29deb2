import type { Socket, TcpNetConnectOpts } from 'node:net'
import type { TLSSocket } from 'node:tls'

/**
 * Where connections of a closed cluster come in and go out: TLS 1.3 on all of them, and nothing else is let through.
 * Implementations: `keydoor.ts` (pre-shared keys), `certificatedoor.ts`.
 */
export interface Door {
  /**
   * Dials. TLS itself has to open the connection: put around one that is being opened and has several addresses to try,
   * it would hold on to the first, and Node.js 20 dies of a segmentation fault when that is refused.
   */
  dial(where: TcpNetConnectOpts): TLSSocket
  /** Wraps one that came in; its first bytes, those of TLS, lie at the front of what it will read. */
  admit(socket: Socket, visitor: Visitor): void
  /**
   * Why a connection does not count, although TLS has let it in, or not under the name that the other side gave;
   * undefined when it does. Asked again when keys or certificates have been replaced.
   */
  objection(socket: TLSSocket, name?: string): string | undefined
  /**
   * What an error means, in words for the operator, in the handshake or when the other side was inside already;
   * undefined when it was the network that failed.
   */
  explain(error: NodeJS.ErrnoException, inside: boolean): string | undefined
  /** Keys or certificates have been replaced. */
  renew(): void
}

/** Told what becomes of a connection that came in. */
export interface Visitor {
  admitted(socket: TLSSocket): void
  refused(reason: string): void
}

/** The code of an error that TLS made; undefined for the system's. Those of TLS are of several words. */
export function tlsCode(error: NodeJS.ErrnoException): string | undefined {
  const code = error.code ?? ''
  return code.includes('_') && !code.startsWith('EAI_') ? code : undefined
}
