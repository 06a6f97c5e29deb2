import type { WriteStream } from 'node:tty'

/** Writes the demo down, one line a step. Colours only for a terminal, and only if `NO_COLOR` is not set. */
export class Screen {
  readonly #out: Pick<WriteStream, 'write' | 'isTTY'>
  readonly #colours: boolean

  constructor(out: Pick<WriteStream, 'write' | 'isTTY'>, env: NodeJS.ProcessEnv = process.env) {
    this.#out = out
    this.#colours = out.isTTY && !env['NO_COLOR']
  }

  /** A line as it is. */
  line(text: string): void {
    this.#out.write(`${text}\n`)
  }

  /** A step: how long it took, what it was, what happened. */
  step(ms: number, title: string, text: string): void {
    const time = `${ms.toLocaleString('en', { maximumFractionDigits: ms < 100 ? 1 : 0 })} ms`.padStart(10)
    this.line(`${this.#paint(32, time)}  ${this.#paint(1, title.padEnd(8))}  ${text}`)
  }

  /** What belongs to the step above. */
  more(text: string): void {
    this.line(`${' '.repeat(22)}${text}`)
  }

  #paint(colour: number, text: string): string {
    return this.#colours ? `\u001b[${colour}m${text}\u001b[0m` : text
  }
}
