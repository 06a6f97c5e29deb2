import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { TelepathineError } from '../gossip/errors.js'

/** What a deploy key vouches for: one version of one app folder, for one cluster. */
export interface Manifest {
  /** The folder: `wordcount`. */
  readonly app: string
  /** Rises with each deployment: a lower one than has been taken is refused. */
  readonly version: number
  /** Name of the cluster that it is for. */
  readonly cluster: string
  /** Of the archive, which also names it; hex. */
  readonly sha256: string
  /** Size of the archive. */
  readonly bytes: number
  /** Size of what it holds, as tar. */
  readonly unpackedBytes: number
  /** Files in it. */
  readonly files: number
  /** Unix time in milliseconds after which it is not taken any more; undefined: never. */
  readonly expires?: number
}

/** A manifest as it travels: its very text, and the signature of that. */
export interface SignedManifest {
  /** The manifest as JSON. */
  readonly text: string
  /** Ed25519, base64. */
  readonly signature: string
}

/** Bounds on what may be deployed. */
export const archiveLimits = { bytes: 512 << 20, unpackedBytes: 2 ** 31, files: 100_000 } as const

/** Longest manifest, as text. */
export const manifestLengthMax = 4_096

/** What is signed is neither a manifest of another kind nor a message of another program. */
const context = 'telepathine app manifest 1\n'

/**
 * Signs a manifest.
 *
 * @param privateKey Ed25519, PEM
 * @throws TelepathineError `ERR_OPTION` when that is no such key
 */
export function signManifest(manifest: Manifest, privateKey: string): SignedManifest {
  const key = readKey(privateKey, createPrivateKey)
  const text = JSON.stringify(manifest)
  return { text, signature: sign(null, Buffer.from(context + text), key).toString('base64') }
}

/** The name under which peers ask each other for a manifest. */
export function manifestHash({ text }: SignedManifest): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Those whose deployments a peer takes, and what it checks beside. */
export class Trust {
  readonly #keys: readonly KeyObject[]
  readonly #cluster: string

  /**
   * @param publicKeys Ed25519, PEM; none: nothing is taken
   * @throws TelepathineError `ERR_OPTION` when one is no such key
   */
  constructor(publicKeys: readonly string[], cluster: string) {
    this.#keys = publicKeys.map((pem) => readKey(pem, createPublicKey))
    this.#cluster = cluster
  }

  /** Whether anything is taken at all. */
  get isOpen(): boolean {
    return this.#keys.length > 0
  }

  /**
   * Reads a manifest that came from somewhere. Nothing in it is looked at before its signature is found good.
   *
   * @throws TelepathineError `ERR_DENIED` says why it is refused
   */
  check(signed: unknown, now: number): Manifest {
    const { text, signature } = (signed ?? {}) as { text?: unknown; signature?: unknown }
    if (!this.isOpen) throw denied('this peer takes no code: it was started without a deploy key')
    const isText = typeof text === 'string' && text.length <= manifestLengthMax
    if (!isText || typeof signature !== 'string' || signature.length > 200) throw denied('that is no signed manifest')
    const bytes = Buffer.from(context + text)
    const proof = Buffer.from(signature, 'base64')
    if (!this.#keys.some((key) => verify(null, bytes, key, proof))) {
      throw denied('the manifest is not signed by a deploy key of this peer')
    }
    const manifest = read(text)
    if (manifest.cluster !== this.#cluster) {
      const [theirs, ours] = [manifest.cluster, this.#cluster].map((name) => JSON.stringify(name))
      throw denied(`the manifest is for cluster ${theirs}, not ${ours}`)
    }
    if (manifest.expires !== undefined && manifest.expires < now) throw denied('the manifest has expired')
    return manifest
  }
}

/** Refuses code. */
export function denied(why: string): TelepathineError {
  return new TelepathineError('ERR_DENIED', why)
}

function read(text: string): Manifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw denied('the manifest is not JSON')
  }
  const given = value as Record<keyof Manifest, unknown>
  const whole = (name: keyof Manifest, max: number): number => {
    const number = given[name]
    if (Number.isSafeInteger(number) && (number as number) >= 1 && (number as number) <= max) return number as number
    throw denied(`the manifest's ${name} is not a whole number in 1..${max}`)
  }
  const word = (name: keyof Manifest, pattern: RegExp): string => {
    const text_ = given[name]
    if (typeof text_ === 'string' && pattern.test(text_)) return text_
    throw denied(`the manifest's ${name} is not what it should be`)
  }
  return {
    app: word('app', /^[\w-][\w.-]{0,99}$/),
    version: whole('version', Number.MAX_SAFE_INTEGER),
    cluster: word('cluster', /^.{1,255}$/su),
    sha256: word('sha256', /^[0-9a-f]{64}$/),
    bytes: whole('bytes', archiveLimits.bytes),
    unpackedBytes: whole('unpackedBytes', archiveLimits.unpackedBytes),
    files: whole('files', archiveLimits.files),
    ...(given.expires !== undefined && { expires: whole('expires', Number.MAX_SAFE_INTEGER) }),
  }
}

function readKey(pem: string, create: (pem: string) => KeyObject): KeyObject {
  try {
    const key = create(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // whatever it is, it is not repeated: it may be secret
  }
  throw new TelepathineError('ERR_OPTION', 'a deploy key must be an Ed25519 key in PEM; telepathine keygen --deploy')
}
