import { stripVTControlCharacters } from 'node:util'

/**
 * Prints rows in columns. What comes from other peers may hold anything: control characters do not reach the terminal.
 */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [head, ...rows.map((row) => row.map((cell) => plain(cell)))]
  const widths = head.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  for (const line of lines) print(line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd())
}

/** Prints a value: a text as it is, everything else as JSON. */
export function printValue(value: unknown): void {
  print(typeof value === 'string' ? plain(value, true) : JSON.stringify(value))
}

/** Prints a value as one line of JSON. */
export function printJSON(value: unknown): void {
  print(JSON.stringify(value))
}

/** Prints a line. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** A text without control characters; line ends and tabs may stay, and all may when nobody looks. */
export function plain(text: string, keepLines = false): string {
  if (keepLines && !process.stdout.isTTY) return text
  // eslint-disable-next-line no-control-regex
  const control = keepLines ? /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g : /[\u0000-\u001f\u007f-\u009f]/g
  return stripVTControlCharacters(text).replaceAll(control, ' ')
}

/** A span of time, short: `3s`, `12m`, `5h`, `2d`. */
export function shortAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}

/** What a long work is at, on stderr: one line that changes on a terminal, nothing where it would only be noise. */
export class Progress {
  readonly #on = process.stderr.isTTY

  show(text: string): void {
    if (this.#on) process.stderr.write(`\r\u001b[K${text.slice(0, Math.max(20, process.stderr.columns - 1))}`)
  }

  clear(): void {
    if (this.#on) process.stderr.write('\r\u001b[K')
  }
}
