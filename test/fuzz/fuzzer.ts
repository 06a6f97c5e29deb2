import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededRandom, type Random } from '../../lib/gossip/random.js'
import type { Block, BlockCoverage, Ran } from './coverage.js'
import { mutate } from './mutate.js'
import type { Target } from './targets.js'

/** Inputs between two looks at the coverage. */
const batch = 256
/** A target that inputs leave traces in is made anew after so many. */
const lifeInputs = 20_000
const poolMax = 2_000

/** What a target did that it must not. */
export class Crash extends Error {
  readonly input: Uint8Array

  constructor(input: Uint8Array, cause: unknown) {
    super(`${(cause as Error).message}: ${Buffer.from(input).toString('base64')}`, { cause })
    this.input = input
  }
}

/** Inputs that once were of interest, or did harm: a line each, in base64. */
export function corpusOf(name: string): Uint8Array[] {
  const lines = readFileSync(join(import.meta.dirname, 'corpus', `${name}.txt`), 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'base64'))
}

/**
 * Feeds a target with what mutation makes of its seeds and corpus. An input that reaches code which none has reached
 * before is kept, and mutated further.
 */
export class Fuzzer {
  inputs = 0
  /** Inputs that reached something new. */
  readonly found: Uint8Array[] = []
  readonly #target: Target
  readonly #random: Random
  readonly #pool: Uint8Array[]
  /** Blocks of code that have run. */
  readonly #blocks = new Set<string>()
  #feed: (bytes: Uint8Array) => void

  constructor(target: Target, corpus: readonly Uint8Array[], seed: number) {
    this.#target = target
    this.#random = seededRandom(seed)
    this.#pool = [...target.seeds, ...corpus]
    this.#feed = target.make()
  }

  /** Blocks of code that inputs have reached. */
  get blocks(): number {
    return this.#blocks.size
  }

  /** Feeds it with everything that is known, as it is. */
  replay(coverage?: BlockCoverage): void {
    for (const input of this.#pool) this.#try(input)
    if (coverage !== undefined) this.#freshOf(coverage.take())
  }

  /** One batch of new inputs. */
  run(coverage?: BlockCoverage): void {
    const inputs = Array.from({ length: batch }, () => mutate(this.#pick(), this.#pick(), this.#random))
    for (const input of inputs) this.#try(input)
    if (coverage === undefined) return
    const fresh = this.#freshOf(coverage.take())
    // Which of them it was shows when they run once more, one at a time.
    for (const input of fresh.size > 0 ? inputs : []) {
      this.#try(input)
      const ran = coverage.take()
      const was = fresh.size
      for (const [key, block] of fresh) if (ran.has(block)) fresh.delete(key)
      if (fresh.size < was) this.#keep(input)
      if (fresh.size === 0) break
    }
  }

  /** The blocks that have never run before. */
  #freshOf(ran: Ran): Map<string, Block> {
    const fresh = new Map<string, Block>()
    for (const block of ran.blocks()) {
      const key = `${block.url} ${block.startOffset} ${block.endOffset}`
      if (this.#blocks.has(key)) continue
      this.#blocks.add(key)
      fresh.set(key, block)
    }
    return fresh
  }

  #keep(input: Uint8Array): void {
    this.found.push(input)
    if (this.#pool.length < poolMax) this.#pool.push(input)
  }

  #pick(): Uint8Array {
    return this.#pool[this.#random.below(this.#pool.length)]!
  }

  #try(input: Uint8Array): void {
    if (++this.inputs % lifeInputs === 0) this.#feed = this.#target.make()
    try {
      this.#feed(input)
    } catch (error) {
      throw new Crash(input, error)
    }
  }
}
