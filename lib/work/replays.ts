import { Form } from './payload.js'

/** What bounds the calls remembered: how many, how many bytes of results, and for how long. */
const rememberedMax = 10_000
const bytesMax = 64 << 20
const rememberMs = 10 * 60_000

/** A call under a key: still running, or its result. */
interface Remembered<J> {
  /** Stands for the input. */
  readonly hash: string
  /** The one that runs; undefined when it is done. */
  running: J | undefined
  result: Uint8Array | undefined
  form: Form
  untilMs: number
}

/** What is known of a key. */
export type Recollection<J> =
  | { readonly kind: 'new' }
  | { readonly kind: 'other' }
  | { readonly kind: 'running'; readonly job: J }
  | { readonly kind: 'done'; readonly result: Uint8Array; readonly form: Form }

/**
 * Calls by idempotency key: a second one joins the first while that runs, and gets its result afterwards. Failures are
 * not remembered: a call that failed may be tried again. The oldest go first. Knows no clock.
 */
export class Replays<J> {
  readonly #calls = new Map<string, Remembered<J>>()
  #bytes = 0

  /** What is known of a key; `other`: it was used with another input. */
  find(key: string, hash: string, now: number): Recollection<J> {
    const known = this.#calls.get(key)
    if (known === undefined) return { kind: 'new' }
    if (known.running === undefined && known.untilMs <= now) {
      this.#remove(key, known)
      return { kind: 'new' }
    }
    if (known.hash !== hash) return { kind: 'other' }
    if (known.running !== undefined) return { kind: 'running', job: known.running }
    return known.result === undefined ? { kind: 'new' } : { kind: 'done', result: known.result, form: known.form }
  }

  /** A call under a new key begins. */
  begin(key: string, hash: string, job: J): void {
    this.#calls.set(key, { hash, running: job, result: undefined, form: Form.encoded, untilMs: Infinity })
    this.#trim()
  }

  /** It is done. */
  done(key: string, job: J, result: Uint8Array, form: Form, now: number): void {
    const known = this.#calls.get(key)
    if (known?.running !== job) return
    this.#calls.delete(key)
    this.#calls.set(key, { hash: known.hash, running: undefined, result, form, untilMs: now + rememberMs })
    this.#bytes += result.length
    this.#trim()
  }

  /** It came to nothing. */
  failed(key: string, job: J): void {
    if (this.#calls.get(key)?.running === job) this.#calls.delete(key)
  }

  #trim(): void {
    for (const [key, known] of this.#calls) {
      if (this.#calls.size <= rememberedMax && this.#bytes <= bytesMax) return
      // those that run are bounded by what the service takes in
      if (known.running === undefined) this.#remove(key, known)
    }
  }

  #remove(key: string, known: Remembered<J>): void {
    this.#calls.delete(key)
    this.#bytes -= known.result?.length ?? 0
  }
}
