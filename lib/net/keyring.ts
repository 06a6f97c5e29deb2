import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'

/** What is derived from one pre-shared key. Printing it shows nothing of the key. */
export interface NetworkKey {
  /** Tells keys apart on datagrams: 32 bits, from which nobody finds the key. */
  readonly id: number
  /** The same in hexadecimal, for TLS. */
  readonly identity: string
  /** For AES-256-GCM. */
  readonly datagrams: KeyObject
  /** For TLS 1.3, as external pre-shared key. */
  readonly connections: KeyObject
}

/**
 * The pre-shared keys of a cluster: the first seals, all open. What is used on the wire is derived from them by HKDF,
 * bound to the purpose and to the name of the cluster, so clusters that share a key by mistake do not understand each
 * other either.
 */
export class Keyring {
  readonly #cluster: string
  #keys: readonly NetworkKey[] = []

  /** @param keys at least one; each of enough entropy that nobody guesses it */
  constructor(keys: readonly string[], cluster: string) {
    this.#cluster = cluster
    this.replace(keys)
  }

  /** Takes other keys instead. */
  replace(keys: readonly string[]): void {
    this.#keys = keys.map((key) => derive(key, this.#cluster))
  }

  /** The one that seals. */
  get first(): NetworkKey {
    return this.#keys[0] as NetworkKey
  }

  /** The key with that id, if there is one. */
  find(id: number): NetworkKey | undefined {
    return this.#keys.find((key) => key.id === id)
  }

  /** The key with that identity, if there is one. */
  identified(identity: string): NetworkKey | undefined {
    return this.#keys.find((key) => key.identity === identity)
  }
}

const salt = 'telepathine network key, version 1'

function derive(key: string, cluster: string): NetworkKey {
  const bytesFor = (purpose: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', key, salt, `${purpose}\0${cluster}`, length))
  const id = bytesFor('id', 4)
  return {
    id: id.readUInt32BE(),
    identity: id.toString('hex'),
    datagrams: createSecretKey(bytesFor('datagrams', 32)),
    connections: createSecretKey(bytesFor('connections', 32)),
  }
}
