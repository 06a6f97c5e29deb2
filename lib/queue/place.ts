import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Longest path of a socket that all systems take, in bytes. */
const pathBytesMax = 100

/** Where processes listen that have a queue open. */
export interface Place {
  readonly folder: string
  nameOf(id: string): string
  isOurs(name: string): boolean
}

/** Beside the queue, if the path is not too long for a socket. */
export function placeOf(folder: string, id: string): Place {
  const mark = createHash('sha256').update(folder).digest('base64url').slice(0, 16)
  const [prefix, suffix] = [`telepathine-queue-${mark}-`, '.sock']
  if (process.platform === 'win32') return placeBy('\\\\.\\pipe\\', prefix, '')
  const isShort = Buffer.byteLength(join(folder, `${id}${suffix}`)) <= pathBytesMax
  return isShort ? placeBy(folder, '', suffix) : placeBy(tmpdir(), prefix, suffix)
}

function placeBy(folder: string, prefix: string, suffix: string): Place {
  return {
    folder,
    nameOf: (id) => `${prefix}${id}${suffix}`,
    isOurs: (name) => name.startsWith(prefix) && name.endsWith(suffix),
  }
}
