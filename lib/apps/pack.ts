import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform, type TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { tmpdir } from 'node:os'
import { createGzip } from 'node:zlib'
import { create } from 'tar'
import { stage } from './stage.js'

/** An app, packed. */
export interface PackedApp {
  /** The archive, a file of its own. */
  readonly archive: string
  /** The copy that was packed: what others will run. */
  readonly folder: string
  /** Of the archive, hex. */
  readonly sha256: string
  /** Size of the archive. */
  readonly bytes: number
  /** Size of what it holds, as tar. */
  readonly unpackedBytes: number
  /** Files in it. */
  readonly files: number
  /** Paths that were left out because they may be secret. */
  readonly leftOut: readonly string[]
  /** Removes the archive and the copy. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Packs an app's folder, node_modules included, links replaced by what they lead to, secrets left out (`.env`,
 * `.npmrc`, `.git` and their like). The same contents make the same archive, byte for byte. Nothing of the app is run.
 * Whatever was written by then is removed when `signal` aborts.
 *
 * @throws TelepathineError `ERR_VALUE` for what cannot be packed, `ERR_TOO_LARGE`
 */
export async function packApp(folder: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<PackedApp> {
  const place = await mkdtemp(join(tmpdir(), 'telepathine-app-'))
  const remove = (): Promise<void> => rm(place, { recursive: true, force: true })
  try {
    const copy = join(place, 'app')
    const archive = join(place, 'app.tgz')
    const { files, leftOut } = await stage(folder, copy, signal)
    const unpacked = new Counter()
    const packed = new Counter()
    // neither times nor owners: they say nothing of the app
    const tar = create({ cwd: copy, portable: true, noMtime: true, strict: true, noDirRecurse: true }, [...files])
    await pipeline(tar, unpacked, createGzip({ level: 6 }), packed, createWriteStream(archive), {
      ...(signal && { signal }),
    })
    return {
      archive,
      folder: copy,
      sha256: packed.sha256,
      bytes: packed.bytes,
      unpackedBytes: unpacked.bytes,
      files: files.length,
      leftOut,
      [Symbol.asyncDispose]: remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Counts and hashes what passes. */
class Counter extends Transform {
  bytes = 0
  readonly #hash = createHash('sha256')

  get sha256(): string {
    return this.#hash.digest('hex')
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length
    this.#hash.update(chunk)
    done(undefined, chunk)
  }
}
