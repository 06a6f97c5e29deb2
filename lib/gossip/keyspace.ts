import type { Reader, Writer } from './bytes.js'
import { counterMax, Malformed } from './bytes.js'
import { entryOverheadBytes } from './config.js'
import { Entry, Kind, kindMax, timedFlag } from './entry.js'
import type { Expiry } from './expiry.js'
import { endOfRecords, lifetimeMsMax, writeRecord } from './records.js'
import { batchMax, unsigned } from './testimony.js'
import type { Run, Testimony } from './testimony.js'
import { copyOfValue, ValueHeap } from './valueheap.js'

/** How long tombstones wait at the most for somebody who is being told the log, in times of their grace. */
const keptGraces = 10

/** Who wants to know what changes in a key space. Calls come in version order. */
export interface SpaceListener {
  /** A key has a new value. */
  changed(space: KeySpace, entry: Entry): void
  /** A key that had a value was deleted by its owner. */
  removed(space: KeySpace, key: string): void
  /** A key's time is over; its value can still be read from the entry. */
  expired(space: KeySpace, entry: Entry): void
  /** An event, for the first time. */
  said(space: KeySpace, entry: Entry): void
  /** `count` events in a row were dropped before they reached us. */
  missed(space: KeySpace, count: number): void
  /** The owner said something about itself or another peer: metadata, suspicions, verdicts, farewell. */
  announced(space: KeySpace, entry: Entry): void
}

/** The bounds of one key space, and what ends an entry's time. */
export interface SpaceLimits {
  readonly maxKeyBytes: number
  readonly maxValueBytes: number
  readonly maxStateBytes: number
  readonly maxEventBytes: number
  readonly tombstoneGraceMs: number
}

/** How far a log is known. */
export interface Position {
  /** Everything up to this version is known. */
  readonly maxVersion: number
  /** Tombstones up to this version may have been collected. */
  readonly gcVersion: number
}

/**
 * Whether `ours` has something for a log that stands at (`gc`, `max`); one that is starting over cannot use a log older
 * than where it ends.
 */
export function canAdvance(ours: Position, { max, gc }: { readonly max: number; readonly gc: number }): boolean {
  return max < ours.maxVersion && (max >= gc || gc <= Math.max(ours.gcVersion, ours.maxVersion))
}

/** Whether a log that stands at (`gc`, `max`) must be told from the start to be brought up to `ours`. */
export function mustReset(ours: Position, max: number, gc: number): boolean {
  return max < ours.gcVersion && gc < ours.gcVersion
}

/**
 * One peer's log, as known here: the latest entry of each key, and the events of late, in version order. Only its owner
 * writes it; everybody else applies deltas.
 *
 * A **delta** states everything that is in force in the version range (`from`, `to`]. It is applied when it leaves no
 * gap (`from` <= `maxVersion`). When the sender has collected tombstones that we may have missed (its `gcVersion` is
 * beyond both our `maxVersion` and our `gcVersion`), we start over at version 0: what we have is shown until the log is
 * complete again, as far as any of those know it who told us of it, and what it has not named by then was deleted
 * meanwhile; and what it names although we had been beyond it without holding it is out of date, and passed over. So
 * (`gcVersion`, `maxVersion`) rises in lexicographic order, no key is ever shown again after its deletion, and a
 * catch-up has no moment of emptiness.
 */
export class KeySpace implements Position {
  /** The owner's name; changes only for one's own space, when the peer is started elsewhere. */
  name: string
  /** Everything up to this version is known. */
  maxVersion = 0
  /** Tombstones up to this version may have been collected. */
  gcVersion = 0
  /** Number of the last event said or heard. */
  eventSequence = 0
  stateBytes = 0
  eventBytes = 0
  /** Keys that have a value, the metadata (which has none) included. */
  valueCount = 0
  /** What proves that this log is its owner's, where logs are signed. */
  testimony: Testimony | undefined = undefined
  /** Whether we have had a full picture of this log: what is missing from then on was missed. */
  #current = false
  readonly #limits: SpaceLimits
  readonly #expiry: Expiry
  readonly #listener: SpaceListener
  readonly #heap: ValueHeap
  /** Bounded by maxStateBytes: each key counts `entryOverheadBytes` at least. */
  #keys: Map<string, Entry> | undefined
  /** Entries with keys, by version; replaced ones are swept out when they are most of it. */
  #log: Entry[] = []
  #logGone = 0
  /** Entries without a key to replace them by, by version, from `#eventsHead` on. Bounded by maxEventBytes. */
  #events: Entry[] = []
  #eventsHead = 0
  /** While starting over: what we had before, and what that counts. It is shown until the log is complete. */
  #unswept: Entry[] | undefined
  #sparedBytes = 0
  /** How far those know this log who have told us of it. */
  #tellersKnow = 0
  /** Until when tombstones wait for those who are being told this log from here. */
  #keeps: Set<{ until: number }> | undefined
  /** How far the log had been known, without a gap, before it was started over. */
  #knownBefore = 0
  /** The first version that there was no room for. */
  #firstDropped = Infinity
  /** Words of one's own that are not signed yet. At most `batchMax`. */
  #unsigned: Entry[] = []

  /** `signed`: it gets a `testimony` before there is anything in it. */
  constructor(name: string, limits: SpaceLimits, expiry: Expiry, listener: SpaceListener, signed = false) {
    this.#heap = new ValueHeap(signed)
    this.name = name
    this.#limits = limits
    this.#expiry = expiry
    this.#listener = listener
  }

  // ---- reading

  /** The entry in force for a key; undefined when it has none. */
  get(key: string, now: number): Entry | undefined {
    const entry = this.#keys?.get(key)
    return entry !== undefined && entry.kind === Kind.set && entry.deadline > now ? entry : undefined
  }

  keys(now: number): string[] {
    const keys: string[] = []
    if (this.#keys === undefined) return keys
    for (const entry of this.#keys.values()) {
      if (entry.kind === Kind.set && entry.deadline > now && entry.key !== '') keys.push(entry.key)
    }
    return keys
  }

  /** What its owner said of peers (suspicions, verdicts, answers) and is not over yet, the oldest first. */
  rumours(now: number): Entry[] {
    return this.#events.filter((entry) => entry.kind > Kind.event && !entry.gone && entry.deadline > now)
  }

  /** What others may be told of the number of events said: one more than it, or 0 while we do not know it for sure. */
  get statedSequence(): number {
    const isWhole = this.#unswept === undefined && this.maxVersion >= this.#tellersKnow
    return this.#current && isWhole ? this.eventSequence + 1 : 0
  }

  /** Bytes that a key would add or free: what `maxStateBytes` counts. */
  sizeOf(key: string): number {
    const entry = this.#keys?.get(key)
    return entry === undefined ? 0 : cost(entry)
  }

  /** Whether there is something that starting over would put at risk: what is not named again counts as deleted. */
  get isAtStake(): boolean {
    return (this.#keys !== undefined && this.#keys.size > 0) || this.isStartingOver
  }

  /** Whether something is shown that may have been deleted meanwhile. */
  get isStartingOver(): boolean {
    return this.#unswept !== undefined && this.#unswept.length > 0
  }

  // ---- the owner writes

  /** The owner's next word. Limits have been checked. */
  write(kind: Kind, key: string, value: Uint8Array, deadline: number, now: number): Entry {
    this.#current = true
    const before = kind <= Kind.tombstone ? this.#keys?.get(key) : undefined
    if (before !== undefined) this.#endIfOver(before, now)
    const entry = new Entry(kind, key, this.maxVersion + 1, deadline)
    this.maxVersion = entry.version
    if (kind === Kind.event) entry.sequence = ++this.eventSequence
    const kept = this.testimony === undefined ? value : unsigned(value, kind, deadline - now)
    this.#heap.put(entry, kept, 0, kept.length)
    if (kind <= Kind.tombstone) this.#replace(entry)
    else this.#append(entry)
    this.#expiry.add(this, entry)
    if (this.testimony !== undefined && this.#unsigned.push(entry) === batchMax) this.sign()
    return entry
  }

  /** The owner signs what it has written since it signed last, if it signs at all. */
  sign(): void {
    if (this.#unsigned.length === 0) return
    this.testimony?.sign(this.#unsigned.splice(0), this.eventSequence, (entry, value) => {
      const before = entry.length
      this.#heap.release(entry)
      this.#heap.put(entry, value, 0, value.length)
      if (entry.kind <= Kind.tombstone) this.stateBytes += entry.length - before
      else this.eventBytes += entry.length - before
    })
  }

  /**
   * Numbers what is in force from version 1, for the owner's next life. Tombstones do not survive it, and events only
   * if asked: when they have not been heard. The metadata comes first, so that it is the first that others learn.
   */
  renew(metadata: Uint8Array, keepEvents: boolean, now: number): void {
    const keys = this.#log.filter((entry) => !entry.gone && entry.kind === Kind.set && entry.key !== '')
    const events = this.#events.filter((entry) => !entry.gone && entry.kind === Kind.event)
    const kept = (keepEvents ? [...keys, ...events] : keys).map((entry) => ({ entry, value: copyOfValue(entry) }))
    this.clear()
    this.maxVersion = 0
    this.gcVersion = 0
    this.eventSequence = 0
    this.write(Kind.set, '', metadata, Infinity, now)
    for (const { entry, value } of kept) this.write(entry.kind, entry.key, value, entry.deadline, now)
  }

  /** Lets go of everything, without a word to the listener. */
  clear(): void {
    for (const list of [this.#log, this.#events, this.#unswept ?? []]) for (const entry of list) this.#drop(entry)
    this.#keys = undefined
    this.#log = []
    this.#logGone = 0
    this.#events = []
    this.#eventsHead = 0
    this.#unswept = undefined
    this.#tellersKnow = 0
    this.#knownBefore = 0
    this.#firstDropped = Infinity
    this.#unsigned = []
    this.stateBytes = 0
    this.eventBytes = 0
    this.valueCount = 0
  }

  // ---- deltas out

  /**
   * Writes the records after `from`, up to the writer's length `end`, and returns the version they reach: `maxVersion`
   * when all fitted, `from` when not even one did. With `atLeastOne` the first record is written whatever its size.
   * Where logs are signed, each has its proof in `run`.
   */
  writeRecords(writer: Writer, from: number, end: number, atLeastOne: boolean, now: number, run?: Run): number {
    const log = this.#log
    const events = this.#events
    let i = firstAfter(log, from, 0)
    let j = firstAfter(events, from, this.#eventsHead)
    let last = from
    let reached = this.maxVersion
    for (;;) {
      while (i < log.length && (log[i] as Entry).gone) i++
      while (j < events.length && (events[j] as Entry).gone) j++
      const a = log[i]
      const b = events[j]
      const entry = a === undefined ? b : b === undefined || a.version < b.version ? a : b
      if (entry === undefined) break
      const start = writer.length
      const must = atLeastOne && last === from
      const fits = start + entry.length + 1 <= end
      if (fits || must) {
        if (run === undefined) writeRecord(writer, entry, last, now)
        else run.write(writer, entry, last, now)
      }
      if (!must && (!fits || writer.length + 1 > end)) {
        writer.truncate(start)
        reached = last === from ? from : entry.version - 1
        break
      }
      last = entry.version
      if (entry === a) i++
      else j++
    }
    writer.u8(endOfRecords)
    return reached
  }

  // ---- deltas in

  /** Takes over a log that held the metadata and nothing else, without a word to the listener. */
  adopt(metadata: Uint8Array, now: number): void {
    this.write(Kind.set, '', metadata, Infinity, now)
  }

  /** Begins anew at version 0: the sender has collected tombstones up to `gc` that we may have missed. */
  startOver(gc: number): void {
    const before = this.#log.filter((entry) => !entry.gone)
    this.#unswept = this.#unswept === undefined ? before : before.concat(this.#unswept)
    // what is told while we start over may take as much as any log, besides what we had
    this.#sparedBytes = Math.min(this.stateBytes, 2 * this.#limits.maxStateBytes)
    this.#knownBefore = Math.max(this.#knownBefore, Math.min(this.maxVersion, this.#firstDropped - 1))
    this.#firstDropped = Infinity
    this.#log = []
    this.#logGone = 0
    for (let k = this.#eventsHead; k < this.#events.length; k++) this.#drop(this.#events[k] as Entry)
    this.#events = []
    this.#eventsHead = 0
    this.eventBytes = 0
    this.gcVersion = gc
    this.maxVersion = 0
  }

  /**
   * Reads records that follow `from` (at most `maxVersion`); those already known are passed over. If the bytes turn out
   * bad, what came before them stands: a delta may be cut anywhere.
   */
  readRecords(reader: Reader, from: number, now: number, run?: Run): void {
    let version = from
    try {
      for (;;) {
        const next = this.#readRecord(reader, version, now, run)
        if (next === version) return
        version = next
      }
    } finally {
      // if what follows turns out bad, what came before it stands
      this.#advance(version)
    }
  }

  /** Reads one record and returns its version; `previous` when there are no more. */
  #readRecord(reader: Reader, previous: number, now: number, run: Run | undefined): number {
    const head = reader.u8()
    if (head === endOfRecords) return previous
    const kind = (head & ~timedFlag) as Kind
    if (kind > kindMax) throw new Malformed('unknown kind of record')
    const version = previous + reader.varint()
    if (version === previous || version > counterMax) throw new Malformed('versions do not rise')
    const { maxKeyBytes } = this.#limits
    const key = kind === Kind.event ? reader.text(maxKeyBytes) : kind < Kind.event ? reader.rareText(maxKeyBytes) : ''
    const sequence = kind === Kind.event ? reader.varint() : 0
    let leftMs = (head & timedFlag) === 0 ? Infinity : Math.min(reader.varint(), lifetimeMsMax)
    const lifetimeMs = run === undefined || leftMs === Infinity ? 0 : reader.counter()
    let length = kind === Kind.tombstone ? 0 : reader.length(this.#limits.maxValueBytes)
    let start = reader.skip(length)
    let { source } = reader
    if (run !== undefined) {
      const value = source.subarray(start, start + length)
      const word = { kind: head, version, sequence, lifetimeMs, key, value }
      source = run.read(reader, word, source, start, start + length)
      start = 0
      length = source.length
      if (leftMs !== Infinity) leftMs = Math.min(leftMs, lifetimeMs)
    }
    if (version <= this.maxVersion || (kind <= Kind.tombstone && this.#isSuperseded(key, version))) return version
    const deadline = kind === Kind.tombstone ? now + this.#limits.tombstoneGraceMs : now + leftMs
    const entry = new Entry(kind, key, version, deadline)
    entry.sequence = sequence
    this.#heap.put(entry, source, start, start + length)
    this.#accept(entry, now)
    return version
  }

  /**
   * All up to `to` is known now, from one who knows this log up to `latest`. `eventSequence`: the number of events said
   * so far, if that is as far.
   */
  reach(to: number, latest: number, eventSequence: number | undefined): void {
    this.#advance(to)
    this.#tellersKnow = Math.max(this.#tellersKnow, latest)
    if (eventSequence === undefined || to < this.maxVersion) return
    // who knows more left out what has been replaced since: that is not gone, its newer value is yet to come
    if (this.#unswept !== undefined && to >= this.#tellersKnow) this.#sweep(this.#unswept)
    this.#count(eventSequence)
    this.#current = true
  }

  #advance(to: number): void {
    if (to > this.maxVersion) this.maxVersion = to
  }

  /** Events up to `sequence` have been said. What was said before our first full picture of this log is not missed. */
  #count(sequence: number): void {
    const missing = sequence - this.eventSequence
    if (missing <= 0) return
    this.eventSequence = sequence
    if (this.#current) this.#listener.missed(this, missing)
  }

  /**
   * Whether a word on a key is known to be out of date: this log had been known beyond it, and not with this word. Who
   * tells it lags behind those who told us before we started over, or spoke before them and came late.
   */
  #isSuperseded(key: string, version: number): boolean {
    if (version > this.#knownBefore && this.#unswept === undefined) return false
    const held = this.#keys?.get(key)?.version ?? 0
    return held > version || (version <= this.#knownBefore && held !== version)
  }

  #accept(entry: Entry, now: number): void {
    if (entry.kind > Kind.tombstone) {
      this.#hear(entry, now)
      return
    }
    const before = this.#keys?.get(entry.key)
    const size = cost(entry) - (before === undefined ? 0 : cost(before))
    // the owner keeps the bound; we may hold more than it does for a while, as our tombstones are younger
    const limit = 2 * this.#limits.maxStateBytes + (this.#unswept === undefined ? 0 : this.#sparedBytes)
    if (size > 0 && this.stateBytes + size > limit) {
      this.#firstDropped = Math.min(this.#firstDropped, entry.version)
      this.#heap.release(entry)
      return
    }
    const known = before !== undefined && before.version === entry.version
    if (before !== undefined) this.#endIfOver(before, now)
    const shown = before?.kind === Kind.set
    if (known && shown) {
      // the same word again, as after starting over; only its time may have run out meanwhile
      if (this.testimony !== undefined) entry.deadline = before.deadline
      else if (entry.kind === Kind.tombstone) this.#listener.expired(this, before)
      else entry.deadline = Math.min(entry.deadline, before.deadline)
    }
    if (entry.kind === Kind.set && ((known && !shown) || entry.deadline <= now)) {
      entry.kind = Kind.tombstone
      entry.deadline = now + this.#limits.tombstoneGraceMs
    }
    if (entry.kind === Kind.tombstone && this.testimony === undefined) this.#heap.release(entry)
    this.#replace(entry)
    this.#expiry.add(this, entry)
    if (known && shown) return
    if (entry.key === '') this.#listener.announced(this, entry)
    else if (entry.kind === Kind.set) this.#listener.changed(this, entry)
    else if (shown) this.#listener.removed(this, entry.key)
  }

  #hear(entry: Entry, now: number): void {
    const isEvent = entry.kind === Kind.event
    const fresh = !isEvent || entry.sequence > this.eventSequence
    if (isEvent && fresh) {
      this.#count(entry.sequence - 1)
      this.eventSequence = entry.sequence
    }
    if (entry.deadline <= now) {
      this.#heap.release(entry)
      if (isEvent && fresh && this.#current) this.#listener.missed(this, 1)
      return
    }
    this.#append(entry)
    this.#expiry.add(this, entry)
    if (!fresh) return
    if (isEvent) this.#listener.said(this, entry)
    else this.#listener.announced(this, entry)
  }

  // ---- time

  /** An entry's deadline has come. */
  end(entry: Entry, now: number): void {
    if (entry.kind > Kind.tombstone) {
      this.eventBytes -= cost(entry)
      this.#drop(entry, false)
      this.#trimEvents()
      return
    }
    if (entry.kind === Kind.tombstone) {
      if (this.#keepsTombstones(now)) {
        entry.deadline = now + this.#limits.tombstoneGraceMs / 4
        this.#expiry.add(this, entry)
        return
      }
      if (entry.version <= this.maxVersion) this.gcVersion = Math.max(this.gcVersion, entry.version)
      this.#keys?.delete(entry.key)
      this.stateBytes -= cost(entry)
      this.#drop(entry, false)
      this.#countGone()
      return
    }
    this.#endIfOver(entry, now)
    entry.deadline = now + this.#limits.tombstoneGraceMs
    this.#expiry.add(this, entry)
  }

  /**
   * Keeps tombstones whose grace is over until what this returns is called, though not for ever: somebody is being told
   * this log, and would have to start over if one were collected before it has been told.
   */
  keepTombstones(now: number): () => void {
    const keep = { until: now + keptGraces * this.#limits.tombstoneGraceMs }
    const keeps = (this.#keeps ??= new Set())
    keeps.add(keep)
    return () => keeps.delete(keep)
  }

  #keepsTombstones(now: number): boolean {
    for (const { until } of this.#keeps ?? []) if (until > now) return true
    return false
  }

  /** Its time is over, though the clock has not come round to it yet. */
  #endIfOver(entry: Entry, now: number): void {
    if (entry.kind !== Kind.set || entry.deadline > now) return
    this.#listener.expired(this, entry)
    entry.kind = Kind.tombstone
    this.valueCount--
    // that its time is over is not the owner's word: others are told what was said, and that no time is left
    if (this.testimony !== undefined) return
    this.stateBytes -= entry.length
    this.#heap.release(entry)
  }

  // ---- inside

  /** Puts an entry in the place of the one with its key. */
  #replace(entry: Entry): void {
    const keys = (this.#keys ??= new Map())
    const before = keys.get(entry.key)
    if (before !== undefined) {
      this.stateBytes -= cost(before)
      if (before.kind === Kind.set) this.valueCount--
      this.#drop(before)
      // what is yet to be swept does not stand in the log
      if (this.#unswept === undefined || before.version <= this.maxVersion) this.#countGone()
    }
    keys.set(entry.key, entry)
    this.#log.push(entry)
    this.stateBytes += cost(entry)
    if (entry.kind === Kind.set) this.valueCount++
  }

  #append(entry: Entry): void {
    this.#events.push(entry)
    this.eventBytes += cost(entry)
    while (this.eventBytes > this.#limits.maxEventBytes) {
      const oldest = this.#events[this.#eventsHead] as Entry
      if (oldest === entry) break
      this.#eventsHead++
      if (oldest.gone) continue
      this.eventBytes -= cost(oldest)
      this.#drop(oldest)
    }
    this.#trimEvents()
  }

  #trimEvents(): void {
    const events = this.#events
    while (this.#eventsHead < events.length && (events[this.#eventsHead] as Entry).gone) this.#eventsHead++
    if (this.#eventsHead > 64 && this.#eventsHead * 2 > events.length) {
      this.#events = events.slice(this.#eventsHead)
      this.#eventsHead = 0
    }
  }

  #drop(entry: Entry, held = true): void {
    if (entry.gone) return
    entry.gone = true
    this.#heap.release(entry)
    if (held) this.#expiry.forget(entry)
  }

  #countGone(): void {
    this.#logGone++
    if (this.#logGone > 64 && this.#logGone * 2 > this.#log.length) {
      this.#log = this.#log.filter((entry) => !entry.gone)
      this.#logGone = 0
    }
  }

  /** The log is complete again: what it did not name has been deleted meanwhile. */
  #sweep(unswept: readonly Entry[]): void {
    this.#unswept = undefined
    for (const entry of unswept) {
      if (entry.gone) continue
      this.#keys?.delete(entry.key)
      this.stateBytes -= cost(entry)
      const shown = entry.kind === Kind.set
      if (shown) this.valueCount--
      this.#drop(entry)
      if (shown && entry.key !== '') this.#listener.removed(this, entry.key)
    }
  }
}

/** What an entry counts towards the bounds. Keys are counted as if all their characters were plain. */
function cost(entry: Entry): number {
  return entryOverheadBytes + entry.key.length + entry.length
}

/** What a key and value would count towards the bounds. */
export function costOf(key: string, value: Uint8Array): number {
  return entryOverheadBytes + key.length + value.length
}

/** Index of the first entry with a version above `version`, from `start` on. */
function firstAfter(entries: readonly Entry[], version: number, start: number): number {
  let low = start
  let high = entries.length
  // what is asked for lies at the end nearly always
  if (high > low && (entries[high - 1] as Entry).version <= version) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle] as Entry).version <= version) low = middle + 1
    else high = middle
  }
  return low
}
