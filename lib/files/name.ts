/** Beginning of the names that files have while they are being written; such files are never shared. */
export const partialPrefix = '.telepathine-partial-'

const segmentBytesMax = 255
const nameBytesMax = 1_024
const forbidden = /[\u0000-\u001f\u007f<>:"|?*\\]/
const loneSurrogate = /\p{Surrogate}/u
const device = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)\s*(\.|$)/i

/**
 * Says what is wrong with `name` as the name of a shared file: a path with `/` between its parts, relative to a shared
 * folder. Undefined when nothing is.
 *
 * The rules are those of the strictest common system, on every system: a name that is fine on one peer and refused on
 * another would keep their folders apart for ever, and a drive letter, a device or `..` must not leave the folder
 * anywhere.
 */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (Buffer.byteLength(name) > nameBytesMax) return `is longer than ${nameBytesMax} bytes`
  if (forbidden.test(name)) return 'holds a control character or one of < > : " | ? * \\'
  if (loneSurrogate.test(name)) return 'is not well-formed Unicode'
  for (const segment of name.split('/')) {
    if (segment === '') return 'is absolute or has an empty part'
    if (segment === '.' || segment === '..') return `has the part "${segment}"`
    if (/[. ]$/.test(segment)) return 'has a part that ends in a dot or a space'
    if (Buffer.byteLength(segment) > segmentBytesMax) return `has a part of more than ${segmentBytesMax} bytes`
    if (device.test(segment)) return `has the reserved part "${segment}"`
    if (segment.startsWith(partialPrefix)) return 'is that of a file being written'
  }
  return undefined
}
