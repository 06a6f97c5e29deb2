import type { Arguments } from './arguments.js'
import type { Figure } from './figure.js'
import { plain } from './table.js'

export { readArguments, type Arguments, type Side } from './arguments.js'
export type { Figure } from './figure.js'

/** Prints what was measured: JSON lines, or a table of median (min–max). */
export function report(title: string, figures: readonly Figure[], { json }: Arguments): void {
  if (json) {
    for (const figure of figures) process.stdout.write(`${JSON.stringify({ bench: title, ...figure })}\n`)
    return
  }
  const notes = figures.flatMap(({ name, note }) => note === undefined ? [] : [`  ${name}: ${note}`])
  process.stdout.write(`${[`${title}   median (min–max)`, ...plain(figures), ...notes].join('\n')}\n\n`)
}

/** Progress, for whoever waits; never mixed into the results. */
export const tell = (line: string): void => void process.stderr.write(`# ${line}\n`)
