import type { Readable } from 'node:stream'
import { Rate } from './rate.js'

/** What an app prints is passed on up to so many lines in a second, and so many characters of each. */
const linesPerSecond = 100
const lineLengthMax = 1_000

/**
 * Cuts what a program prints into lines, and passes on as many as a person could read. However much it prints, and
 * whether it ever ends a line or not, no more than the beginning of one is held.
 */
export class Printed {
  readonly #line: (line: string) => void
  readonly #now: () => number
  readonly #rate = new Rate(linesPerSecond)

  /** @param now milliseconds, of any clock that only rises */
  constructor(line: (line: string) => void, now: () => number = () => performance.now()) {
    this.#line = line
    this.#now = now
  }

  /** Follows one of the program's outputs to its end. */
  follow(stream: Readable): void {
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      let from = 0
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        this.#pass(rest + text.slice(from, Math.min(end, from + lineLengthMax)))
        rest = ''
        from = end + 1
      }
      if (rest.length < lineLengthMax) rest += text.slice(from, from + lineLengthMax)
    })
    stream.on('end', () => rest !== '' && this.#pass(rest))
  }

  #pass(line: string): void {
    if (this.#rate.allows(this.#now())) this.#line(line.replace(/\r$/, '').slice(0, lineLengthMax))
    else if (this.#rate.count === linesPerSecond + 1) this.#line('… and more, faster than is passed on')
  }
}
