import { plain } from '../shared/output.js'

/** How something is shown, where there are colours. */
export type Look = 'title' | 'good' | 'warn' | 'bad' | 'dim' | 'usual'

/** Codes of a terminal; see ECMA-48, SGR. */
const codes: Readonly<Record<Look, string>> = {
  title: '1', good: '32', warn: '33', bad: '31;1', dim: '2', usual: '',
}

/** Some text, and how it looks. */
export interface Span {
  readonly text: string
  readonly look?: Look
}

/** A line of a screen. */
export type Line = readonly Span[]

/** Characters that turn the direction of what follows, or have no width: they could make one text look like another. */
const treacherous = /[\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** Characters that take no column of their own, and those that take two, as a rule. */
const narrow = /\p{Mn}|\p{Me}/u
const wide = new RegExp(`[${[
  '\u1100-\u115f', '\u2e80-\ua4cf', '\uac00-\ud7a3', '\uf900-\ufaff', '\ufe30-\ufe6f', '\uff00-\uff60', '\uffe0-\uffe6',
  '\u{1f300}-\u{1faff}', '\u{20000}-\u{3fffd}',
].join('')}]`, 'u')

/** A text from other peers, which may hold anything, as it may be shown. */
export function clean(text: string): string {
  return plain(text).replaceAll(treacherous, '')
}

/** How many columns a text takes. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += columnsOf(character)
  return width
}

function columnsOf(character: string): number {
  if (character.charCodeAt(0) < 0x300) return 1
  if (narrow.test(character)) return 0
  return wide.test(character) ? 2 : 1
}

/** A text of that width: cut, or filled up with blanks. */
export function fit(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const missing = width - widthOf(text)
  if (missing >= 0) return align === 'left' ? text + ' '.repeat(missing) : ' '.repeat(missing) + text
  let cut = ''
  let used = 1
  for (const character of text) {
    used += columnsOf(character)
    if (used > width) break
    cut += character
  }
  return width <= 0 ? '' : `${cut}…${' '.repeat(Math.max(0, width - widthOf(cut) - 1))}`
}

/** A line as it is written to a terminal of so many columns. */
export function draw(line: Line, columns: number, hasColours: boolean): string {
  let drawn = ''
  let left = columns
  for (const { text, look = 'usual' } of line) {
    const width = widthOf(text)
    const shown = width <= left ? text : fit(text, left)
    const code = codes[look]
    drawn += hasColours && code !== '' && shown !== '' ? `\u001b[${code}m${shown}\u001b[0m` : shown
    left -= Math.min(width, left)
  }
  return drawn.trimEnd()
}

/** A column of a table. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** A table: each column as wide as it needs to be. */
export function table(columns: readonly Column[], rows: readonly (readonly Span[])[]): Line[] {
  const titles = columns.map(({ title }) => ({ text: title, look: 'dim' as const }))
  const lines: readonly (readonly Span[])[] = [titles, ...rows]
  const widths = columns.map((_, i) => lines.reduce((max, line) => Math.max(max, widthOf(line[i]?.text ?? '')), 0))
  return lines.map((line) => columns.map(({ align }, i) => {
    const { text = '', look = 'usual' } = line[i] ?? {}
    return { text: `${fit(text, widths[i] ?? 0, align)}  `, look }
  }))
}
