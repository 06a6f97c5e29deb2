import JSON5 from 'json5'

/** A line of the shell: a name, or a call of one with literals. `nc.` before it changes nothing. */
export interface Call {
  readonly name: string
  /** Undefined when it was not called: just the name. */
  readonly values: readonly unknown[] | undefined
}

/**
 * Reads a line such as `showchannel('A')`. Nothing is evaluated: what stands between the parentheses are literals of
 * JSON5, which are those of JavaScript.
 * @throws Error that says what can be typed
 */
export function parseCall(line: string): Call {
  const [, name, list] = /^(?:nc\s*\.\s*)?([A-Za-z]\w*)\s*(?:\((.*)\))?\s*;?$/s.exec(line.trim()) ?? []
  if (name === undefined) {
    throw new Error(`${JSON.stringify(line)} is no call: type a name and literals, like showchannel('A')`)
  }
  if (list === undefined) return { name, values: undefined }
  try {
    return { name, values: JSON5.parse<unknown[]>(`[${list}]`) }
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^JSON5: (.*?)( at \d+:\d+)?$/, '$1') : String(error)
    throw new Error(`${name}: ${why}; its values are literals: texts in quotes, numbers, true, false, [...], {...}`, {
      cause: error,
    })
  }
}
