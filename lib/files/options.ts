import { TelepathineError } from '../gossip/errors.js'

/** Options of {@link FileInput}. */
export interface FileInputOptions {
  /** What keys begin with; the file's name follows. Default `file:`. */
  readonly keyPrefix?: string
  /** Largest file, bytes. A larger one is left out and reported by an `error` event. Default 1 MiB. */
  readonly maxFileSize?: number
  /** How long a file must stand still until it is taken for whole, milliseconds. Default 200. */
  readonly settleMS?: number
}

/** Options of {@link FileOutput}. */
export interface FileOutputOptions {
  /** Which keys are files. Default `file:`. */
  readonly keyPrefix?: string
  /** Largest file, bytes. A larger one is not written and reported by an `error` event. Default 1 MiB. */
  readonly maxFileSize?: number
  /** Largest sum of all files written, bytes. Default 1 GiB. */
  readonly maxTotalSize?: number
  /**
   * Gives each peer's files a subfolder of their own, named after the peer with `_` for what file names cannot hold
   * (`127.0.0.1_9000`). Default false: all in one, and of two files with one name the one modified last stays.
   */
  readonly peerSubdirectory?: boolean
}

/** Options of {@link FileSync}. */
export interface FileSyncOptions extends FileInputOptions {
  /** Largest sum of all files written here for others, bytes. Default 1 GiB. */
  readonly maxTotalSize?: number
  /**
   * How long a deletion is remembered, milliseconds. A peer that was away for longer brings the file back.
   * Default one day.
   */
  readonly rememberDeletedMS?: number
}

/** All options of this folder, with the defaults filled in. */
export type FileConfig = Required<FileSyncOptions & FileOutputOptions>

const defaults: FileConfig = {
  keyPrefix: 'file:',
  maxFileSize: 1 << 20,
  maxTotalSize: 1 << 30,
  settleMS: 200,
  rememberDeletedMS: 24 * 3_600_000,
  peerSubdirectory: false,
}

/** Checks options and fills in what is not given. Throws `ERR_OPTION`, which names the option and what is allowed. */
export function fileConfig(
  options: FileSyncOptions & FileOutputOptions,
  allowed: readonly (keyof FileConfig)[],
): FileConfig {
  const config: Record<string, unknown> = { ...defaults }
  for (const [option, value] of Object.entries(options)) {
    if (!(allowed as readonly string[]).includes(option)) refuse(option, value, `none of ${allowed.join(', ')}`)
    if (value === undefined) continue
    const wanted = typeof defaults[option as keyof FileConfig]
    if (typeof value !== wanted) refuse(option, value, `not a ${wanted}`)
    const isWhole = Number.isSafeInteger(value) && (value as number) >= 0
    if (wanted === 'number' && !isWhole) refuse(option, value, 'not a whole number from 0')
    if (value === '') refuse(option, value, 'empty')
    config[option] = value
  }
  return config as unknown as FileConfig
}

function refuse(option: string, value: unknown, why: string): never {
  throw new TelepathineError('ERR_OPTION', `option ${option}: ${String(value)} is ${why}`)
}
