/** How figures and times are written. Short, and always the same width for the same size. */

const thin = '\u202f'

/** `1.2 kB` */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  let left = value
  while (left >= 999.5 && unit < units.length - 1) {
    left /= 1_000
    unit++
  }
  return `${unit === 0 || left >= 99.5 ? Math.round(left) : left.toFixed(1)}${thin}${units[unit]}`
}

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `0.4`, `12`, `1,234`: what happens in a second. */
export function rate(value: number): string {
  return value === 0 || value >= 10 ? count(Math.round(value)) : value.toFixed(value < 1 ? 2 : 1)
}

/** `3.2 ms`, `1.5 s`; for how long something took. */
export function took(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)}${thin}ms`
  if (ms < 1_000) return `${Math.round(ms)}${thin}ms`
  return ms < 100_000 ? `${(ms / 1_000).toFixed(1)}${thin}s` : span(ms)
}

/** The same for what is measured with clocks that tell no less than a millisecond. */
export function lagged(ms: number): string {
  return ms < 1 ? `<1${thin}ms` : took(ms < 10 ? Math.round(ms) : ms).replace('.0', '')
}

/** `5 s`, `3 min`, `2 h 5 min`, `4 d`: how long something has been so. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds}${thin}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}${thin}min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours}${thin}h` : `${hours}${thin}h ${minutes % 60}${thin}min`
  return `${Math.floor(hours / 24)}${thin}d`
}

/** `13:05:07` */
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB')
}

/** `13:05:07.250` */
export function preciseClock(at: number): string {
  return `${clock(at)}.${String(Math.floor(at) % 1_000).padStart(3, '0')}`
}

/** `2026-03-01 13:05:07` */
export function date(at: number): string {
  return `${new Date(at).toLocaleDateString('sv-SE')} ${clock(at)}`
}

/** One thing or several: `1 peer`, `3 peers`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** The first few of a list, in words. */
export function some(names: readonly string[], most = 3): string {
  if (names.length <= most) {
    return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  }
  return `${names.slice(0, most).join(', ')} and ${names.length - most} more`
}

/** What names are sorted by, so that 9 comes before 10. */
export function sortable(name: string): string {
  return name.replace(/\d+/g, (digits) => digits.padStart(6, '0'))
}

/** Puts names in order. */
export function byName(a: string, b: string): number {
  return sortable(a) < sortable(b) ? -1 : 1
}

/** What nobody can see, or what turns around what follows it, as an escape: no text may pass for another. */
export function visible(text: string): string {
  return text.replace(hidden, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

const hidden = new RegExp(
  '[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f' +
  '\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]', 'g',
)
