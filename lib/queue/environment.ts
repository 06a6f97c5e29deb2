import { mkdir, realpath } from 'node:fs/promises'
import type { RootDatabase } from 'lmdb'
import type { KeyPart } from './ledger.js'

/** A table that LMDB keeps. */
export type Database = RootDatabase<unknown, KeyPart[]>

/**
 * A folder that LMDB keeps, as this process has it open. It must not be opened twice in one process: the second try
 * opens the file that carries the locks and closes it again, and the system then lets go of *all* locks that the
 * process has on it, so that the next process takes itself for the first and makes the lock of the writers anew.
 */
export interface Environment {
  readonly database: Database
  /** Lets go of it; who does so last closes it. */
  close(): Promise<void>
}

interface Shared {
  readonly database: Promise<Database>
  users: number
}

const shared = new Map<string, Shared>()
/** Those that are being closed. */
const closing = new Map<string, Promise<void>>()

/** The one path of a folder, which is made if there is none. */
export async function folderAt(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  return realpath(path)
}

/**
 * Opens a folder, unless this process has it open. `alone` does something while nobody else opens the folder, or
 * commits; also where there is nothing to do, as whoever is to commit must be known to those who open.
 */
export async function openEnvironment(
  folder: string, open: () => Database, alone: <T>(act: () => T) => Promise<T>,
): Promise<Environment> {
  await closing.get(folder)
  let known = shared.get(folder)
  const isFirst = known === undefined
  if (known === undefined) shared.set(folder, (known = { database: alone(open), users: 0 }))
  const environment = known
  environment.users++
  const leave = async (): Promise<void> => {
    if (--environment.users > 0) return
    shared.delete(folder)
    const closed = environment.database.then((database) => database.close(), () => undefined)
    closing.set(folder, closed.catch(() => undefined).finally(() => closing.delete(folder)))
    await closed
  }
  try {
    if (!isFirst) await alone(() => undefined)
    return { database: await environment.database, close: leave }
  } catch (error) {
    await leave()
    throw error
  }
}
