import { createHash } from 'node:crypto'
import { closeSync, constants, openSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Longest path of a socket that all systems take, in bytes. */
const pathBytesMax = 100
const suffix = '.sock'

/** Where processes listen that have a queue open: in its folder, each at a socket that is named by its id. */
export interface Place {
  /** Where that one listens, as this process calls it. */
  addressOf(id: string): string
  /** The ids of all who listen, or did and left their socket behind. */
  all(): Promise<string[]>
  /** No address is of use any more. */
  close(): void
}

/**
 * @param folder the same path for all
 * @param id one of them: all are of one length
 */
export function placeOf(folder: string, id: string): Place {
  const mark = createHash('sha256').update(folder).digest('base64url').slice(0, 16)
  const prefix = `telepathine-queue-${mark}-`
  if (process.platform === 'win32') return placeIn('\\\\.\\pipe\\', prefix, '')
  if (Buffer.byteLength(join(folder, id + suffix)) <= pathBytesMax) return placeIn(folder, '', suffix)
  if (process.platform !== 'linux') return placeIn(tmpdir(), prefix, suffix)
  // the path is too long for a socket; by way of an open file it is short
  const file = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  return { ...placeIn(`/proc/self/fd/${file}`, '', suffix), close: () => closeSync(file) }
}

function placeIn(folder: string, prefix: string, ending: string): Place {
  return {
    addressOf: (id) => join(folder, prefix + id + ending),
    all: async () => {
      const names = await readdir(folder)
      const ours = names.filter((name) => name.startsWith(prefix) && name.endsWith(ending))
      return ours.map((name) => name.slice(prefix.length, name.length - ending.length))
    },
    close: () => undefined,
  }
}
