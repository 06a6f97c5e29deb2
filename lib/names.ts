/**
 * Keys of the key space that are not the user's: what a layer of this library tells of its peer. Their names begin
 * with a NUL. A key of the user that begins so is stored with one more in front, as a line that begins with a dot is in
 * SMTP; all other keys are stored as they are.
 */
const mark = '\0'

/** What a user's key is stored as. */
export function storedKey(key: string): string {
  return key.charCodeAt(0) === 0 ? mark + key : key
}

/** The user's key that is stored so; undefined when it is none of the user's. */
export function userKey(stored: string): string | undefined {
  if (stored.charCodeAt(0) !== 0) return stored
  return stored.charCodeAt(1) === 0 ? stored.slice(mark.length) : undefined
}

/** What a name of the system is stored as. It must not be empty, nor begin with a NUL. */
export function systemKey(name: string): string {
  return mark + name
}

/** Whether a name is the system's: of a key as it is stored, or of a service by which layers of peers talk. */
export function isSystems(name: string): boolean {
  return name.startsWith(mark)
}

/** The system's name that is stored so; to be asked only when {@link userKey} found none. */
export function systemName(stored: string): string {
  return stored.slice(mark.length)
}
