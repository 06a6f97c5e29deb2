import { createHash } from 'node:crypto'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { TelepathineError } from '../gossip/errors.js'

/** The channel over which servers are asked and told. */
export const controlChannel = 'control'

const channelNameLengthMax = 64
/** Longest event name, in bytes of UTF-8. */
export const eventBytesMax = 1_024
/** What the address of a Unix socket has room for, on the system with the least. */
const socketPathBytesMax = 103

/** What is wrong with the name of a channel, said as what is allowed; undefined when nothing is. */
export function channelNameFault(name: unknown): string | undefined {
  if (isText(name) && name.length <= channelNameLengthMax) return undefined
  return `channel names of 1 to ${channelNameLengthMax} characters`
}

/** Whether that is a string with something in it, and without halves of characters: as it is, so it arrives. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value)
}

/** Where the sockets are unless a folder is configured: a folder that needs no privileges. */
export function defaultSocketDir(): string {
  const runtime = process.env['XDG_RUNTIME_DIR']
  if (runtime !== undefined && runtime !== '') return join(runtime, 'netcluster')
  // In containers users often have no name.
  return join(tmpdir(), `netcluster-${process.getuid?.() ?? userInfo().username}`)
}

/**
 * The path of a channel's socket; on Windows the name of its pipe.
 * @throws TelepathineError `ERR_OPTION` when it is longer than a socket's address can be
 */
export function socketPath(dir: string | undefined, channel: string): string {
  const file = fileName(channel)
  if (process.platform === 'win32') {
    const where = dir === undefined ? '' : `${createHash('sha256').update(resolve(dir)).digest('hex').slice(0, 16)}-`
    return `\\\\?\\pipe\\netcluster-${where}${file}`
  }
  const path = join(resolve(dir ?? defaultSocketDir()), `${file}.sock`)
  const bytes = Buffer.byteLength(path)
  if (bytes > socketPathBytesMax) {
    const allowed = `at most ${socketPathBytesMax}, as sockets need: choose a shorter socketdir`
    throw new TelepathineError('ERR_OPTION', `${path} has ${bytes} bytes, allowed: ${allowed}`)
  }
  return path
}

/** A channel's name as the name of a file: what could mean something to a file system is written in percent. */
function fileName(channel: string): string {
  return encodeURIComponent(channel).replaceAll('*', '%2A').replace(/^\./, '%2E')
}
