import { RE2JS } from 're2js'
import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'

/**
 * Patterns of event and channel names. They are regular expressions as in RE2, matched in time linear in the name's
 * length whatever the pattern: no look-ahead and no back references, which cannot be, and nothing that stalls the
 * process.
 */
export type Matcher = (name: string) => boolean

/** Longest pattern, in characters. */
const patternLengthMax = 256
/** Largest compiled pattern, in RE2 instructions: bounds what one character of a name can cost. */
const programMax = 1_000

/**
 * A pattern that must cover the whole name, as if it stood between `^` and `$`.
 * @throws TelepathineError `ERR_KEY` names the pattern and what is wrong with it
 */
export function wholeName(pattern: unknown): Matcher {
  if (typeof pattern === 'string' && /^[^\\^$.|?*+()[\]{}]+$/.test(pattern)) return name => name === pattern
  const compiled = compile(pattern)
  return name => compiled.testExact(name)
}

/**
 * A pattern that may be found anywhere in the name.
 * @throws TelepathineError `ERR_KEY` names the pattern and what is wrong with it
 */
export function partOfName(pattern: unknown): Matcher {
  const compiled = compile(pattern)
  return name => compiled.test(name)
}

function compile(pattern: unknown): RE2JS {
  if (typeof pattern !== 'string' || pattern === '' || pattern.length > patternLengthMax) {
    throw refuse(pattern, `a string of 1 to ${patternLengthMax} characters, a regular expression`)
  }
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(RE2JS.translateRegExp(pattern), RE2JS.DOTALL)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw refuse(pattern, `a regular expression without look-ahead and back references (${why})`, error)
  }
  if (compiled.programSize() > programMax) throw refuse(pattern, 'one with fewer or smaller repetitions')
  return compiled
}

function refuse(pattern: unknown, allowed: string, cause?: unknown): TelepathineError {
  return new TelepathineError('ERR_KEY', `pattern: ${describe(pattern)} given, allowed: ${allowed}`, { cause })
}
