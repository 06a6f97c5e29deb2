import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { manifestHash, type Manifest, signManifest, type SignedManifest } from './manifest.js'
import type { PackedApp } from './pack.js'
import { AppRunner } from './runner.js'
import { findApp } from './spec.js'

/** What is to be deployed as which version. */
export interface DeployOptions {
  /** The app's folder, by its name: `wordcount`. */
  readonly app: string
  /** Higher than all before. */
  readonly version: number
  /** Name of the cluster that it is for. */
  readonly cluster: string
  /** Ed25519, PEM. */
  readonly privateKey: string
  /** Unix time in milliseconds after which nobody takes it any more; default never. */
  readonly expires?: number
}

/** A deployment as it is sent to a peer's `POST /deploy`. */
export interface Deployment {
  /** The manifest, as peers will check it. */
  readonly signed: SignedManifest
  /** Of the manifest: what the peer is then told to run. */
  readonly hash: string
  /** Of the whole body. */
  readonly bytes: number
  /** The body: a line of JSON, the signed manifest, then the archive, if there is one to send. */
  readonly body: () => Readable
}

/** An app must stay up for so long before it is sent to anyone. */
const trialMs = 500

/**
 * Signs a packed app. Without an archive, `packed` is what a manifest of before says of it: to go back to that, under a
 * higher version.
 *
 * @throws TelepathineError `ERR_OPTION` when the key is none
 */
export function deployApp(
  packed: Pick<Manifest, 'sha256' | 'bytes' | 'unpackedBytes' | 'files'> & Partial<Pick<PackedApp, 'archive'>>,
  { app, version, cluster, privateKey, expires }: DeployOptions,
): Deployment {
  const { sha256, bytes, unpackedBytes, files, archive } = packed
  const manifest: Manifest = {
    app, version, cluster, sha256, bytes, unpackedBytes, files, ...(expires !== undefined && { expires }),
  }
  const signed = signManifest(manifest, privateKey)
  const head = Buffer.from(`${JSON.stringify(signed)}\n`)
  async function* body(): AsyncGenerator<Buffer> {
    yield head
    if (archive !== undefined) yield* createReadStream(archive) as AsyncIterable<Buffer>
  }
  const bodyBytes = head.length + (archive === undefined ? 0 : bytes)
  const stream = (): Readable => Readable.from(body(), { objectMode: false })
  return { signed, hash: manifestHash(signed), bytes: bodyBytes, body: stream }
}

/**
 * Starts a worker of a packed app here, in the very copy that others will get, and ends it again.
 *
 * @throws TelepathineError (by rejection) when it does not come up, or goes down at once: its own words
 */
export async function tryApp(name: string, folder: string): Promise<void> {
  const spec = await findApp(name, folder)
  const runner: AppRunner = new AppRunner(spec, { variables: [] }, {
    changed: () => undefined,
    news: () => undefined,
    printed: () => undefined,
  })
  try {
    await runner.start()
    await runner.lasts(trialMs)
  } finally {
    await runner.stop()
  }
}
