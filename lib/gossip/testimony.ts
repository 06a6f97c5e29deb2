import { Malformed, Reader, Writer } from './bytes.js'
import { Kind, timedFlag } from './entry.js'
import type { Entry } from './entry.js'
import { areEqual, Climb, leafMark, MerkleTree } from './merkle.js'
import { certificateBytesMax, hashBytes, saltBytes, signatureBytesMax } from './notary.js'
import type { Notary, Signer, Verify } from './notary.js'
import { tailLength, tailLengthBytes } from './valueheap.js'

/** Words signed together at the most. */
export const batchMax = 256
/** What stands in a statement before its signature: head, events said, heartbeat, count, salt. */
const preludeBytes = 3 * 6 + 1 + saltBytes
const statementBytesMax = preludeBytes + signatureBytesMax
/** What ends a value that is kept with its proof: lifetime, kind, number of siblings, length of it all. */
const tailEndBytes = 6 + 1 + 1 + tailLengthBytes

/** What the owner of a log signs: these `count` words up to version `head` are mine, and the last ones so far. */
class Statement {
  readonly bytes: Uint8Array
  /** Version of the last word. */
  readonly head: number
  /** Number of the last event said by then. */
  readonly sequence: number
  /** The owner's heartbeat by then. */
  readonly beat: number
  readonly count: number

  constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes)
    this.bytes = bytes
    this.head = reader.u48()
    this.sequence = reader.u48()
    this.beat = reader.u48()
    this.count = reader.u8() + 1
    if (bytes.length <= preludeBytes || this.count > this.head) throw new Malformed('no statement')
  }

  get salt(): Uint8Array {
    return this.bytes.subarray(preludeBytes - saltBytes, preludeBytes)
  }

  get signature(): Uint8Array {
    return this.bytes.subarray(preludeBytes)
  }
}

/** What a section of a log begins with, where logs are signed. */
export interface Heading {
  /** Stands where the log begins. */
  readonly certificate: Uint8Array | undefined
  readonly statement: Statement
  readonly root: Uint8Array
}

/** Whose log a statement is about. */
export interface Owner {
  readonly cluster: string
  readonly name: string
  readonly incarnation: number
}

/**
 * What proves that one life's log is its owner's.
 *
 * All words that the owner wrote since it signed last, up to `batchMax`, are the leaves of a hash tree, and it signs
 * the root. Each word is kept and passed on with its way to the root and the statement about that: so whoever passes on
 * any part of a log, to whomever, proves that its owner said just that; and a signature, which costs as much as a
 * hundred hashes, is shared by a batch. The newest statement also proves how far the log goes.
 */
export class Testimony {
  readonly certificate: Uint8Array
  readonly notary: Notary
  readonly #verify: Verify | undefined
  readonly #signer: Signer | undefined
  readonly #beat: () => number
  /** What every statement is bound to. */
  readonly #binding: Uint8Array
  #newest: Statement | undefined
  #root: Uint8Array = nothing

  private constructor(notary: Notary, owner: Owner, certificate: Uint8Array, by: Verify | Signer, beat = () => 0) {
    const writer = new Writer()
    for (const text of ['telepathine log 1', owner.cluster, owner.name]) writer.text(text)
    writer.varint(owner.incarnation)
    this.notary = notary
    this.#binding = writer.take()
    this.certificate = certificate
    this.#beat = beat
    if (typeof by === 'function') this.#verify = by
    else this.#signer = by
  }

  /** For a life of one's own; `beat` says its heartbeat. */
  static own(notary: Notary, owner: Owner, beat: () => number): Testimony {
    const signer = notary.signer()
    return new Testimony(notary, owner, signer.certificate, signer, beat)
  }

  /** For a life that is told of with this certificate; undefined when that does not count. */
  static of(notary: Notary, owner: Owner, certificate: Uint8Array): Testimony | undefined {
    const verify = notary.trust(certificate, owner.name, owner.incarnation)
    return verify && new Testimony(notary, owner, certificate.slice(), verify)
  }

  /** Up to which version the log is known to go. */
  get head(): number {
    return this.#newest?.head ?? 0
  }

  /** Takes note of a statement about a tree; false when the owner has not signed it. */
  accept(statement: Statement, root: Uint8Array): boolean {
    if (this.#newest !== undefined && areEqual(statement.bytes, this.#newest.bytes)) return areEqual(root, this.#root)
    if (this.#verify?.(this.#signable(statement.bytes, root), statement.signature) !== true) return false
    if (statement.head > this.head) {
      this.#newest = statement
      this.#root = root.slice()
    }
    return true
  }

  /** Writes what a section begins with, and with the certificate the first one of a log. */
  write(writer: Writer, isFirst: boolean): Run {
    const statement = this.#newest as Statement
    if (isFirst) writer.bytes(this.certificate)
    writer.bytes(statement.bytes)
    writer.raw(this.#root)
    return new Run(this, statement)
  }

  /** The owner signs its words up to now; `keep` is given each one's value with the proof. */
  sign(words: readonly Entry[], sequence: number, keep: (entry: Entry, value: Uint8Array) => void): void {
    const prelude = new Writer(preludeBytes)
    prelude.u48((words.at(-1) as Entry).version)
    prelude.u48(sequence)
    prelude.u48(this.#beat())
    prelude.u8(words.length - 1)
    const salt = this.notary.salt()
    prelude.raw(salt)
    const head = prelude.take()
    const leaves = words.map((word) => (word.gone ? unsaid : this.#leafOf(word, salt)))
    const tree = new MerkleTree(leaves, this.notary)
    const signature = (this.#signer as Signer).sign(this.#signable(head, tree.root))
    const statement = new Statement(concat([head, signature]))
    this.#newest = statement
    this.#root = tree.root
    for (const [index, word] of words.entries()) {
      if (word.gone) continue
      const { kind, lifetimeMs, valueEnd } = tailOf(word)
      const value = word.chunk?.bytes.subarray(word.offset, valueEnd) as Uint8Array
      keep(word, withTail(value, 0, value.length, { kind, lifetimeMs, siblings: tree.siblings(index), statement }))
    }
  }

  #leafOf(word: Entry, salt: Uint8Array): Uint8Array {
    const { kind, lifetimeMs, valueEnd } = tailOf(word)
    const value = word.chunk?.bytes.subarray(word.offset, valueEnd) as Uint8Array
    return this.leaf({ kind, lifetimeMs, version: word.version, sequence: word.sequence, key: word.key, value }, salt)
  }

  /** The hash of all that a word says. */
  leaf(word: Word, salt: Uint8Array): Uint8Array {
    scratch.u8(leafMark)
    scratch.raw(salt)
    scratch.u8(word.kind)
    scratch.varint(word.version)
    scratch.varint(word.sequence)
    scratch.varint(word.lifetimeMs)
    scratch.text(word.key)
    return this.notary.hash(scratch.lend(), word.value)
  }

  #signable(statement: Uint8Array, root: Uint8Array): Uint8Array {
    return concat([this.#binding, statement.subarray(0, preludeBytes), root])
  }
}

/** All that a word says, as it is signed. */
export interface Word {
  /** As on the wire: with `timedFlag` when it has a lifetime. */
  readonly kind: number
  readonly version: number
  readonly sequence: number
  /** From when it was said; 0: for good. */
  readonly lifetimeMs: number
  readonly key: string
  readonly value: Uint8Array
}

/**
 * The proofs of the records of one section, one after the other: what one has in common with the one before is not told
 * again.
 */
export class Run {
  readonly #testimony: Testimony | undefined
  #statement: Statement
  #climb: Climb

  /** Without a testimony proofs can be passed over, but not read. */
  constructor(testimony: Testimony | undefined, statement: Statement) {
    this.#testimony = testimony
    this.#statement = statement
    this.#climb = new Climb(statement.count)
  }

  /** Writes a record of a signed log: always as its owner said it, with the time that is left. */
  write(writer: Writer, entry: Entry, previous: number, now: number): void {
    const { bytes } = entry.chunk as { bytes: Uint8Array }
    const { kind, lifetimeMs, valueEnd, siblingsAt, statementAt, end } = tailOf(entry)
    const isTimed = (kind & timedFlag) !== 0
    const plain = kind & ~timedFlag
    writer.u8(kind)
    writer.varint(entry.version - previous)
    if (plain <= Kind.event) writer.text(entry.key)
    if (plain === Kind.event) writer.varint(entry.sequence)
    if (isTimed) {
      const isOver = entry.kind === Kind.tombstone || entry.deadline <= now
      writer.varint(isOver ? 0 : Math.ceil(entry.deadline - now))
      writer.varint(lifetimeMs)
    }
    if (plain !== Kind.tombstone) writer.bytes(bytes, entry.offset, valueEnd)
    if (areEqual(bytes.subarray(statementAt, end), this.#statement.bytes)) writer.u8(0)
    else {
      this.#turn(bytes.slice(statementAt, end))
      writer.bytes(this.#statement.bytes)
    }
    this.#climb.write(writer, this.#index(entry.version), bytes, siblingsAt)
  }

  /** Reads the proof of a word; gives the value with the proof, as it is kept. Throws {@link Malformed}. */
  read(reader: Reader, word: Word, source: Uint8Array, start: number, end: number): Uint8Array {
    const isFirst = this.#readStatement(reader) || this.#climb.isFresh
    const testimony = this.#testimony as Testimony
    const statement = this.#statement
    const leaf = testimony.leaf(word, statement.salt)
    const isOfTree = this.#climb.read(reader, this.#index(word.version), leaf, testimony.notary)
    if (!isOfTree || (isFirst && !testimony.accept(statement, this.#climb.root))) {
      throw new Malformed('not signed by the peer that it is said to be of')
    }
    const { kind, lifetimeMs } = word
    return withTail(source, start, end, { kind, lifetimeMs, siblings: this.#climb.siblings, statement })
  }

  /** Passes over the proof of a word. */
  skip(reader: Reader, version: number): void {
    this.#readStatement(reader)
    this.#climb.skip(reader, this.#index(version))
  }

  #readStatement(reader: Reader): boolean {
    const bytes = reader.bytes(statementBytesMax)
    if (bytes.length === 0) return false
    this.#turn(bytes.slice())
    return true
  }

  #turn(statement: Uint8Array): void {
    this.#statement = new Statement(statement)
    this.#climb = new Climb(this.#statement.count)
  }

  #index(version: number): number {
    const { head, count } = this.#statement
    if (version > head || version <= head - count) throw new Malformed('a statement about other words')
    return version - (head - count) - 1
  }
}

/** Reads what a section begins with. Throws {@link Malformed}. */
export function readHeading(reader: Reader, isFirst: boolean): Heading {
  const certificate = isFirst ? reader.bytes(certificateBytesMax) : undefined
  const statement = new Statement(reader.bytes(statementBytesMax).slice())
  const at = reader.skip(hashBytes)
  return { certificate, statement, root: reader.source.subarray(at, at + hashBytes) }
}

/** A value of one's own as it is kept until it is signed. */
export function unsigned(value: Uint8Array, kind: Kind, lifetimeMs: number): Uint8Array {
  const isTimed = kind !== Kind.tombstone && lifetimeMs !== Infinity
  const tail = isTimed ? { kind: kind | timedFlag, lifetimeMs: Math.ceil(lifetimeMs) } : { kind, lifetimeMs: 0 }
  return withTail(value, 0, value.length, { ...tail, siblings: [], statement: undefined })
}

interface Tail {
  readonly kind: number
  readonly lifetimeMs: number
  readonly siblings: readonly Uint8Array[]
  readonly statement: Statement | undefined
}

/**
 * A value with what goes with it: the siblings of its leaf, the statement, and what was said that an entry does not
 * tell any more. It lasts until the next one is made.
 */
function withTail(source: Uint8Array, start: number, end: number, tail: Tail): Uint8Array {
  const { kind, lifetimeMs, siblings, statement } = tail
  scratch.raw(source, start, end)
  for (const sibling of siblings) scratch.raw(sibling)
  if (statement !== undefined) scratch.raw(statement.bytes)
  scratch.u48(lifetimeMs)
  scratch.u8(kind)
  scratch.u8(siblings.length)
  const length = scratch.length - (end - start) + tailLengthBytes
  scratch.u8(length >> 8)
  scratch.u8(length & 0xff)
  return scratch.lend()
}

/** Where the parts of a kept value lie in its chunk. */
function tailOf(entry: Entry): {
  readonly kind: number
  readonly lifetimeMs: number
  readonly valueEnd: number
  readonly siblingsAt: number
  readonly statementAt: number
  readonly end: number
} {
  const { bytes } = entry.chunk as { bytes: Uint8Array }
  const valueEnd = entry.offset + entry.length - tailLength(bytes, entry.offset + entry.length)
  const end = entry.offset + entry.length - tailEndBytes
  const reader = new Reader(bytes, end)
  const lifetimeMs = reader.u48()
  const kind = reader.u8()
  return { kind, lifetimeMs, valueEnd, siblingsAt: valueEnd, statementAt: valueEnd + reader.u8() * hashBytes, end }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const scratch = new Writer()
const nothing = new Uint8Array(0)
/** The leaf of a word that was replaced before it was signed. */
const unsaid = new Uint8Array(hashBytes)
