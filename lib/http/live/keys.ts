import type { FaceView } from '../view.js'
import { preview } from './preview.js'
import type { KeyRow, KeysPatch, KeyWant } from './protocol.js'

/** Keys that are looked at in one turn; a search goes on in the next. */
const budget = 20_000
/** Keys that a search gives. */
const foundMax = 500
/** Changes told at a time, and what may wait to be told: beyond, the search is done again. */
const toldMax = 200
const waitingMax = 2_000
/** Longest text of a value; values that take more bytes are not looked at. */
const textLengthMax = 300
const valueBytesMax = 16_384

/** One client's search among the keys of all peers: its answer, then what changes in it. */
export class KeySearch {
  readonly #view: FaceView
  readonly #want: KeyWant
  readonly #text: string
  #search: Generator<void, KeysPatch, undefined> | undefined
  /** Keys that fit and have changed, by peer. Bounded by `waitingMax`. */
  readonly #waiting = new Map<string, Set<string>>()
  #waits = 0

  constructor(view: FaceView, want: KeyWant) {
    this.#view = view
    this.#want = want
    this.#text = (want.text ?? '').toLowerCase()
    this.#search = this.#begin()
  }

  /** A key has changed. */
  changed(peer: string, key: string): void {
    if (!this.#fits(peer, key)) return
    let keys = this.#waiting.get(peer)
    if (!keys) this.#waiting.set(peer, (keys = new Set()))
    if (keys.has(key)) return
    keys.add(key)
    if (++this.#waits > waitingMax) this.again()
  }

  /** Begins anew: what was told before is void. */
  again(): void {
    this.#waiting.clear()
    this.#waits = 0
    this.#search = this.#begin()
  }

  /** What there is to tell, if anything. */
  flush(): KeysPatch | undefined {
    if (this.#search) {
      const { done, value } = this.#search.next()
      if (done !== true) return undefined
      this.#search = undefined
      return value
    }
    if (this.#waits === 0) return undefined
    const set: KeyRow[] = []
    const gone: { peer: string; key: string }[] = []
    for (const { peer, key } of this.#next()) {
      const row = this.#row(peer, key)
      if (row) set.push(row)
      else gone.push({ peer, key })
    }
    return { ...(set.length > 0 && { set }), ...(gone.length > 0 && { gone }) }
  }

  *#next(): Generator<{ peer: string; key: string }> {
    let left = toldMax
    for (const [peer, keys] of this.#waiting) {
      for (const key of keys) {
        if (left-- === 0) return
        keys.delete(key)
        this.#waits--
        yield { peer, key }
      }
      this.#waiting.delete(peer)
    }
  }

  *#begin(): Generator<void, KeysPatch, undefined> {
    const found: { peer: string; key: string }[] = []
    let count = 0
    let left = budget
    for (const peer of [this.#view.name, ...this.#view.allPeers()].sort()) {
      if (this.#want.peer !== undefined && peer !== this.#want.peer) continue
      for (const key of this.#view.keys(peer)) {
        if (left-- === 0) {
          left = budget
          yield
        }
        if (!this.#fits(peer, key)) continue
        count++
        if (found.length < foundMax) found.push({ peer, key })
      }
    }
    return { found: { want: this.#want, count }, set: found.flatMap(({ peer, key }) => this.#row(peer, key) ?? []) }
  }

  #fits(peer: string, key: string): boolean {
    if (this.#want.peer !== undefined && peer !== this.#want.peer) return false
    return this.#text === '' || key.toLowerCase().includes(this.#text)
  }

  #row(peer: string, key: string): KeyRow | undefined {
    const held = this.#view.glimpse(peer, key, valueBytesMax)
    if (!held) return undefined
    const { value, bytes, version, expiresAt = null } = held
    const text = bytes > valueBytesMax ? `<${bytes} bytes>` : preview(value, textLengthMax)
    return { peer, key, text, bytes, version, expiresAt }
  }
}
