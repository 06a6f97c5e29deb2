/**
 * What signatures need of the world, in a cluster whose peers have certificates: whatever is known of a peer was signed
 * by that peer then, whoever passed it on. Elsewhere there is no notary, and nothing is signed. See `testimony.ts`.
 */
export interface Notary {
  /** Takes up own certificate and key as they are now. A life keeps what it began with. */
  signer(): Signer
  /**
   * Checks a certificate from the network, for whatever bytes.
   *
   * @returns undefined when nobody vouches for it, when it is not valid for this name, or was not when this life began
   */
  trust(certificate: Uint8Array, name: string, incarnation: number): Verify | undefined
  /** A hash of two runs of bytes as one: `hashBytes` long, and nobody can find other bytes that have the same. */
  hash(head: Uint8Array, rest: Uint8Array): Uint8Array
  /** `saltBytes` that nobody can foresee. */
  salt(): Uint8Array
}

/** Signs for one life of this peer. */
export interface Signer {
  /** Own certificate, as the others' `trust` takes it; at most `certificateBytesMax`. */
  readonly certificate: Uint8Array
  /** At most `signatureBytesMax`. */
  sign(statement: Uint8Array): Uint8Array
}

/** Whether the owner of a certificate has signed a statement. */
export type Verify = (statement: Uint8Array, signature: Uint8Array) => boolean

export const hashBytes = 16
export const saltBytes = 16
export const certificateBytesMax = 8 << 10
export const signatureBytesMax = 1 << 10
