import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import createDebug from 'debug'
import { TelepathineError } from '../gossip/errors.js'
import type { Dispatcher, Withdraw } from '../work/index.js'
import { type Manifest, manifestHash, type SignedManifest } from './manifest.js'
import type { Kept, Receiver, Store } from './store.js'

const log = createDebug('telepathine:apps')

/** What app hosts ask each other by; who serves it is an app host. */
export const supplyService = 'telepathine.apps'

/** Large: one that is on its way must have arrived before the next one leaves, which takes long on a busy machine. */
const chunkBytes = 2 << 20
/**
 * Copies of one archive that a peer gives, and then rests. Whoever has got one gives two as well, so that n peers have
 * it after log₃ n rounds, and nobody, the first one included, sends more than two copies.
 */
const copiesMax = 2
/**
 * A peer rests for so long after its last copy, or twice as long as that took if that is more: those who have got one
 * need a while to unpack it and to be known to have it. Then it gives again: they may have gone, or others have come.
 */
const restMsMin = 10_000
const pauseMs = 100
/** For the next chunk to come. */
const chunkMs = 10_000

type Ask =
  | { readonly what: 'manifest'; readonly hash: string }
  | { readonly what: 'archive'; readonly sha256: string; readonly from: number }

/** Copies of one archive that were given since the last rest. */
interface Copies {
  active: number
  given: number
  restsUntil: number
}

/** Not now: ask somebody else, or again. */
class Later extends Error {
  readonly code = 'E_LATER'
}

/** Gives other peers what is in the store, and gets from them what is not. */
export class Supply {
  readonly #work: Dispatcher
  readonly #store: Store
  /** By the hash of the archive. Bounded by what deploy keys sign. */
  readonly #copies = new Map<string, Copies>()
  readonly #restMs: number
  #withdraw: Withdraw | undefined
  #givenBytes = 0

  constructor(work: Dispatcher, store: Store, restMs = restMsMin) {
    this.#work = work
    this.#store = store
    this.#restMs = restMs
  }

  /** Begins to give. */
  open(): void {
    this.#withdraw ??= this.#work.serve(supplyService, (ask: Ask) => this.#answer(ask), { concurrency: 64, queue: 256 })
  }

  /** Gives no more. */
  async close(): Promise<void> {
    await this.#withdraw?.({ grace: 0 })
  }

  /** Other peers that host apps, and this one. */
  hosts(): string[] {
    return this.#work.workers(supplyService).map(({ peer }) => peer)
  }

  /**
   * Gets a version from those who hold it: its manifest, checked, then its archive, checked.
   *
   * @param holders who has it now; asked anew whenever it matters
   * @throws TelepathineError (by rejection) `ERR_DENIED` when what they have is refused; the signal's reason
   */
  async get(hash: string, holders: () => readonly string[], signal: AbortSignal): Promise<Kept> {
    const kept = this.#store.find(hash) ?? (await this.#manifest(hash, holders, signal))
    if (await this.#store.has(kept.manifest.sha256)) return kept
    try {
      await this.#fromAll(kept.manifest, holders, signal)
    } catch (error) {
      if (!isDenied(error)) throw error
      log('of several: %s', error.message)
      await this.#fromOne(kept.manifest, holders, error, signal)
    }
    return kept
  }

  async #manifest(hash: string, holders: () => readonly string[], signal: AbortSignal): Promise<Kept> {
    for (;;) {
      for (const peer of shuffled(holders())) {
        const signed = await this.#ask<SignedManifest>(peer, { what: 'manifest', hash }, signal)
        // whoever gives another one than was asked for must not decide on this one
        if (isSigned(signed) && manifestHash(signed) === hash) return this.#store.examine(signed)
      }
      await sleep(pauseMs, undefined, { signal })
    }
  }

  async #ask<T>(peer: string, ask: Ask, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.#work.request<T>(supplyService, ask, { target: peer, signal, timeout: chunkMs })
    } catch (error) {
      if (signal.aborted) throw error
      log('%s does not give: %s', peer, (error as Error).message)
      return undefined
    }
  }

  /** Takes an archive from whoever has it, each going on where the one before broke off. */
  async #fromAll(manifest: Manifest, holders: () => readonly string[], signal: AbortSignal): Promise<void> {
    await using receiver = await this.#store.receive(manifest)
    while (receiver.bytes < manifest.bytes) {
      const before = receiver.bytes
      for (const peer of shuffled(holders())) {
        if (receiver.bytes < manifest.bytes) await this.#pull(peer, manifest.sha256, receiver, signal)
      }
      if (receiver.bytes === before) await sleep(pauseMs, undefined, { signal })
    }
    await receiver.finish()
  }

  /**
   * Takes it from one alone, and from another if that was not it. What several gave does not tell who had it wrong, and
   * nobody who has may keep us from those who have it right.
   */
  async #fromOne(
    manifest: Manifest, holders: () => readonly string[], reason: TelepathineError, signal: AbortSignal,
  ): Promise<void> {
    const wrong = new Set<string>()
    for (let last = reason; ;) {
      const left = shuffled(holders()).filter((peer) => !wrong.has(peer))
      if (left.length === 0) throw last
      for (const peer of left) {
        try {
          if (await this.#from(peer, manifest, signal)) return
        } catch (error) {
          if (!isDenied(error)) throw error
          log('%s: %s', peer, error.message)
          wrong.add(peer)
          last = error
        }
      }
      await sleep(pauseMs, undefined, { signal })
    }
  }

  /** Takes all of it from a peer; false if that has not all of it now. */
  async #from(peer: string, manifest: Manifest, signal: AbortSignal): Promise<boolean> {
    await using receiver = await this.#store.receive(manifest)
    await this.#pull(peer, manifest.sha256, receiver, signal)
    const isAll = receiver.bytes === manifest.bytes
    if (isAll) await receiver.finish()
    return isAll
  }

  /** Takes what a peer gives, from where the last one ended. */
  async #pull(peer: string, sha256: string, to: Receiver, signal: AbortSignal): Promise<void> {
    const ask: Ask = { what: 'archive', sha256, from: to.bytes }
    const stalled = new AbortController()
    const watch = setTimeout(() => stalled.abort(), chunkMs)
    try {
      const either = AbortSignal.any([signal, stalled.signal])
      for await (const chunk of this.#work.stream<Uint8Array>(supplyService, ask, { target: peer, signal: either })) {
        if (!(chunk instanceof Uint8Array)) throw new Error('no bytes')
        await to.write(chunk)
        watch.refresh()
      }
    } catch (error) {
      if (signal.aborted) throw error
      if (isDenied(error) && to.isTooLong) throw error
      log('%s does not give %s: %s', peer, sha256, (error as Error).message)
    } finally {
      clearTimeout(watch)
    }
  }

  /** Bytes of archives given to others, for who wants to know what spreading an app costs. */
  get givenBytes(): number {
    return this.#givenBytes
  }

  #answer(ask: Ask): unknown {
    if (ask.what === 'manifest') {
      const kept = this.#store.find(ask.hash)
      if (kept) return kept.signed
    } else if (ask.what === 'archive') {
      const kept = this.#store.all.find(({ manifest }) => manifest.sha256 === ask.sha256)
      if (kept && Number.isSafeInteger(ask.from)) return this.#give(kept.manifest, ask.from)
    }
    throw new Later('it is not here')
  }

  async *#give({ sha256, bytes }: Manifest, from: number): AsyncGenerator<Uint8Array> {
    const copies = this.#copies.get(sha256) ?? { active: 0, given: 0, restsUntil: 0 }
    this.#copies.set(sha256, copies)
    const begunAt = performance.now()
    if (copies.active === 0 && begunAt >= copies.restsUntil) copies.given = 0
    if (copies.given >= copiesMax) throw new Later('others have it, too')
    copies.active++
    copies.given++
    log('gives %s from byte %d: copy %d, %d at a time', sha256, from, copies.given, copies.active)
    let isWhole = false
    try {
      await using file = await open(this.#store.archivePath(sha256), 'r')
      for (let at = from; at < bytes; ) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at)
        if (bytesRead === 0) return
        at += bytesRead
        this.#givenBytes += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
      isWhole = true
    } finally {
      copies.active--
      // one that was broken off will be asked for again
      if (!isWhole) copies.given--
      const now = performance.now()
      copies.restsUntil = now + Math.max(this.#restMs, 2 * (now - begunAt))
    }
  }
}

function isSigned(value: unknown): value is SignedManifest {
  return typeof value === 'object' && value !== null && typeof (value as { text?: unknown }).text === 'string'
}

function shuffled<T>(items: readonly T[]): T[] {
  return items.map((item) => ({ item, at: Math.random() })).sort((a, b) => a.at - b.at).map(({ item }) => item)
}

function isDenied(error: unknown): error is TelepathineError {
  return error instanceof TelepathineError && error.code === 'ERR_DENIED'
}
