import type { ReadStream, WriteStream } from 'node:tty'
import { draw, type Line } from './style.js'

const escape = '\u001b['
/** Another screen, so that what stood there comes back; no cursor; long lines are cut, not wrapped. */
const enter = `${escape}?1049h${escape}?25l${escape}?7l`
const leave = `${escape}?7h${escape}?25h${escape}?1049l`

/** Keys that somebody may press, as a terminal sends them. */
const keys: Readonly<Record<string, Key>> = {
  q: 'quit', Q: 'quit', '\u0003': 'quit', '\u0004': 'quit', ' ': 'pause', p: 'pause',
  j: 'down', k: 'up', '\u001b[B': 'down', '\u001b[A': 'up', '\u001bOB': 'down', '\u001bOA': 'up',
  '\u001b[6~': 'pageDown', '\u001b[5~': 'pageUp', '\u001b[H': 'top', '\u001bOH': 'top', g: 'top',
}

/** A character, or what a terminal sends for a key that has none. */
const onePressed = /\u001b(?:\[[\d;]*|O)[A-Za-z~]|[^]/gu

/** What a key means. */
export type Key = 'quit' | 'pause' | 'down' | 'up' | 'pageDown' | 'pageUp' | 'top'

/** A terminal that is drawn on as a whole, from `open` to `close`; whatever happens, it is left as it was. */
export class Terminal {
  readonly #input: ReadStream
  readonly #output: WriteStream
  readonly #hasColours: boolean
  #isOpen = false
  /** What is to be drawn once the terminal has taken what it was given. */
  #next: readonly Line[] | undefined
  #isBusy = false
  readonly #key: (key: Key) => void
  readonly #resized: () => void
  readonly #onData = (data: Buffer): void => {
    // several may have been pressed since the last time
    for (const [pressed] of data.toString().matchAll(onePressed)) {
      const meant = keys[pressed]
      if (meant !== undefined && this.#isOpen) this.#key(meant)
    }
  }
  readonly #restore = (): void => this.close()

  constructor(
    input: ReadStream, output: WriteStream, hasColours: boolean,
    { key, resized }: { key: (key: Key) => void; resized: () => void },
  ) {
    this.#input = input
    this.#output = output
    this.#hasColours = hasColours
    this.#key = key
    this.#resized = resized
  }

  get rows(): number {
    return this.#output.rows
  }

  open(): void {
    this.#isOpen = true
    // also when something goes wrong
    process.once('exit', this.#restore)
    this.#output.on('resize', this.#resized)
    this.#output.write(enter)
    if (this.#input.isTTY) this.#input.setRawMode(true)
    this.#input.on('data', this.#onData).resume()
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    process.off('exit', this.#restore)
    this.#output.off('resize', this.#resized)
    this.#input.off('data', this.#onData).pause()
    if (this.#input.isTTY) this.#input.setRawMode(false)
    this.#output.write(leave)
  }

  /** Shows some lines in place of what is there. A terminal that is slow is shown the latest only. */
  show(lines: readonly Line[]): void {
    if (!this.#isOpen) return
    if (this.#isBusy) {
      this.#next = lines
      return
    }
    const { columns, rows } = this.#output
    const drawn = lines.slice(0, rows).map((line) => `${draw(line, columns, this.#hasColours)}${escape}K`)
    this.#isBusy = !this.#output.write(`${escape}H${drawn.join('\r\n')}${escape}J`)
    if (this.#isBusy) this.#output.once('drain', () => this.#drained())
  }

  #drained(): void {
    this.#isBusy = false
    const lines = this.#next
    this.#next = undefined
    if (lines !== undefined) this.show(lines)
  }
}
