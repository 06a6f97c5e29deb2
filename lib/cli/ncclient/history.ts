import { readFile, writeFile } from 'node:fs/promises'

const linesMax = 1_000

/** The lines that were typed, newest first, in a file that only its owner can read. */
export class History {
  readonly #file: string
  lines: string[]

  private constructor(file: string, lines: string[]) {
    this.#file = file
    this.lines = lines
  }

  /** A file that is not there, or cannot be read, is a history without lines. */
  static async open(file: string): Promise<History> {
    const text = await readFile(file, 'utf8').catch(() => '')
    return new History(file, text.split('\n').filter(line => line !== '').slice(0, linesMax))
  }

  /** Writes the lines down. That they cannot be written is no reason for an error. */
  async save(): Promise<void> {
    const text = this.lines.slice(0, linesMax).map(line => `${line}\n`).join('')
    await writeFile(this.#file, text, { mode: 0o600 }).catch(() => undefined)
  }
}
