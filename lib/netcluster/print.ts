import type { NCPacket } from './packet.js'

const lengthMax = 4_096

/** A packet as one line to print: JSON, so that nothing in it controls a terminal, and not longer than a page. */
export function printed(packet: NCPacket): string {
  const line = JSON.stringify(packet, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
    .replaceAll(/[\u007f-\u009f\u2028\u2029]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return line.length > lengthMax ? `${line.slice(0, lengthMax)}… (${line.length} characters)` : line
}
