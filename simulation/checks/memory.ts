import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Report } from '../referee.js'

/** What may be more than before: the share of it, and what compiled code and the books of the checks take. */
const growthMax = 0.25
const slackBytes = 4 << 20

/** Memory comes back to where it was, once all is again as it was. */
export class Memory {
  readonly #report: Report
  readonly #heldBytes: () => number
  #baselineBytes = Infinity

  /** `heldBytes`: how much is held at the moment; by default the heap and what lies beside it, after all garbage. */
  constructor(report: Report, heldBytes: () => number = bytesAfterGarbage) {
    this.#report = report
    this.#heldBytes = heldBytes
  }

  /** All is as it will be again. */
  begin(): void {
    this.#baselineBytes = this.#heldBytes()
  }

  /** All is as it was. */
  end(): void {
    const bytes = this.#heldBytes()
    const most = Math.round(this.#baselineBytes * (1 + growthMax) + slackBytes)
    if (bytes > most) this.#report('memory comes back', [], `at most ${most} bytes`, `${bytes}`)
  }
}

function bytesAfterGarbage(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
