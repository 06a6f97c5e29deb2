import { Session } from 'node:inspector'

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

interface Coverage {
  readonly result: readonly { readonly url: string; readonly functions: readonly { readonly ranges: Range[] }[] }[]
}

/** A piece of code. */
export interface Block {
  readonly url: string
  readonly startOffset: number
  readonly endOffset: number
}

/** What ran in some time. */
export class Ran {
  readonly #ranges = new Map<string, Range[]>()

  constructor(coverage: Coverage, part: string) {
    for (const { url, functions } of coverage.result) {
      if (url.includes(part)) this.#ranges.set(url, functions.flatMap(({ ranges }) => ranges))
    }
  }

  /** The blocks that ran, as far as V8 tells them from those around them. */
  *blocks(): IterableIterator<Block> {
    for (const [url, ranges] of this.#ranges) {
      for (const { startOffset, endOffset, count } of ranges) if (count > 0) yield { url, startOffset, endOffset }
    }
  }

  /** Whether a block ran. V8 leaves out a block that ran as often as the one around it. */
  has({ url, startOffset, endOffset }: Block): boolean {
    let innermost: Range | undefined
    for (const range of this.#ranges.get(url) ?? []) {
      if (range.startOffset > startOffset || range.endOffset < endOffset) continue
      if (innermost === undefined || lengthOf(range) < lengthOf(innermost)) innermost = range
    }
    return innermost !== undefined && innermost.count > 0
  }
}

function lengthOf({ startOffset, endOffset }: Range): number {
  return endOffset - startOffset
}

/** Which blocks of code run, as V8 counts them. */
export class BlockCoverage {
  readonly #part: string
  readonly #session = new Session()

  /** @param part what the URL of a script has in it that counts */
  constructor(part: string) {
    this.#part = part
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** What has run since this was asked last. */
  take(): Ran {
    let ran: Ran | undefined
    this.#session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error) throw error
      ran = new Ran(coverage, this.#part)
    })
    return ran as Ran
  }

  stop(): void {
    this.#session.disconnect()
  }
}
