import { createHash } from 'node:crypto'

/**
 * What stands behind a key of a shared file. `time` is the file's modification time (unix ms) and decides between two
 * peers that share the same name: the later one wins. {@link FileSync} also says when a file was deleted, so that a
 * peer that was away deletes it too.
 */
export type FileRecord = SharedFile | DeletedFile

/** A file and its contents. */
export interface SharedFile {
  /** The contents. */
  readonly data: Uint8Array
  /** Modification time, unix ms. */
  readonly time: number
}

/** That a file is no more. */
export interface DeletedFile {
  /** Always. */
  readonly deleted: true
  /** When it was deleted, unix ms. */
  readonly time: number
}

/** Which state of a file: later `time` wins, then the higher `hash`. A deleted file has the hash `''`. */
export interface FileVersion {
  readonly time: number
  readonly hash: string
}

const timeMax = 8.64e15

/**
 * Takes a value that some peer set for a file record; undefined when it is none. A string as `data` stands for its
 * UTF-8 bytes.
 */
export function toRecord(value: unknown): FileRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { data, time = 0, deleted } = value as { data?: unknown; time?: unknown; deleted?: unknown }
  if (typeof time !== 'number' || !Number.isSafeInteger(time) || Math.abs(time) > timeMax) return undefined
  if (deleted === true) return { deleted, time }
  if (typeof data === 'string') return { data: Buffer.from(data), time }
  return data instanceof Uint8Array ? { data, time } : undefined
}

/** The version of a record. Costs a hash of the data. */
export function versionOf(record: FileRecord): FileVersion {
  return { time: record.time, hash: 'deleted' in record ? '' : hashOf(record.data) }
}

/** Hash of a file's contents. */
export function hashOf(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('base64')
}

/** Whether `a` wins over `b`. */
export function isNewer(a: FileVersion, b: FileVersion | undefined): boolean {
  return b === undefined || a.time > b.time || (a.time === b.time && a.hash > b.hash)
}

/** Whether `record` is the state that `version` names. Hashes only when the times agree. */
export function isVersion(record: FileRecord | undefined, version: FileVersion): boolean {
  return record !== undefined && record.time === version.time && versionOf(record).hash === version.hash
}

/** The record that wins over all others, undefined when there is none. */
export function newest(records: Iterable<FileRecord>): FileRecord | undefined {
  let best: FileRecord | undefined
  for (const record of records) {
    if (!best || record.time > best.time) best = record
    else if (record.time === best.time && isNewer(versionOf(record), versionOf(best))) best = record
  }
  return best
}
