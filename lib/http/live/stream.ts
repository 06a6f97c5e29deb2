import type { Telepathine } from '../../telepathine.js'
import type { FaceView, Sighting } from '../view.js'
import { preview } from './preview.js'
import { happeningKinds, type Happening, type HappeningKind, type RumourRow, type StreamWant } from './protocol.js'

/** Longest name and text of what happened. */
const nameLengthMax = 300
const textLengthMax = 300
/** Happenings told at a time; of more, the latest. */
const toldMax = 200

/** What becomes of peers, in words. */
const told = { start: 'is there', forgotten: 'forgotten' } as const

/** Who wants to know what happens. */
type Listener = (happening: Happening) => void

/** Everything that happens in a cluster, as one peer gets to know it. It listens only while somebody wants to know. */
export class Happenings {
  readonly #peer: Telepathine
  readonly #view: FaceView
  readonly #listeners = new Set<Listener>()
  #offs: (() => void)[] = []
  #id = 0

  constructor(peer: Telepathine, view: FaceView) {
    this.#peer = peer
    this.#view = view
  }

  /** Tells a listener from now on; returns what ends that. */
  listen(listener: Listener): () => void {
    if (this.#listeners.size === 0) this.#open()
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      for (const off of this.#offs.splice(0)) off()
    }
  }

  /** Something became of another peer. */
  see(sighting: Sighting): void {
    if (sighting.kind === 'new') return
    this.#tell('peer', sighting.peer, sighting.kind === 'stop' ? sighting.reason : told[sighting.kind])
  }

  /** Somebody said something of somebody. */
  rumour({ by, about, verdict }: Pick<RumourRow, 'by' | 'about' | 'verdict'>): void {
    this.#tell('rumour', about, verdict, () => by)
  }

  #open(): void {
    const tell = this.#tell.bind(this)
    const view = this.#view
    const peer = this.#peer
    const valued = (kind: HappeningKind, from: string, name: string, value: unknown): void => {
      tell(kind, from, name, () => (value === undefined ? '' : preview(value, textLengthMax)))
    }
    const expired = (from: string, key: string, value: unknown): void => valued('expired', from, key, value)
    const deleted = (from: string, key: string): void => tell('delete', from, key)
    const missed = (from: string, count: number): void => tell('missed', from, `${count} events`)
    const rejected = ({ address, reason }: { address: string; reason: string }): void => {
      tell('rejected', address, reason)
    }
    peer.on('key:expired', expired).on('delete', deleted).on('events:missed', missed).on('peer:rejected', rejected)
    this.#offs = [
      view.ownSays.add('**', (event, data) => valued('say', view.name, event, data)),
      view.ownSets.add('**', (key, value) => valued('set', view.name, key, value)),
      view.ownDeletes.add('**', (key) => deleted(view.name, key)),
      peer.hear('**', function (data, from) {
        valued('say', from, this.event, data)
      }),
      peer.know('**', (from, value, key) => valued('set', from, key, value)),
      () => peer.off('key:expired', expired).off('delete', deleted),
      () => peer.off('events:missed', missed).off('peer:rejected', rejected),
    ]
  }

  #tell(kind: HappeningKind, peer: string, name: string, text: () => string = () => ''): void {
    if (this.#listeners.size === 0) return
    const happening = new Lazy(++this.#id, this.#view.now(), kind, peer, name.slice(0, nameLengthMax), text)
    for (const listener of this.#listeners) listener(happening)
  }
}

/** Its text is made when somebody wants it: most happenings of a busy cluster are told to nobody. */
class Lazy implements Happening {
  readonly id: number
  readonly at: number
  readonly kind: HappeningKind
  readonly peer: string
  readonly name: string
  #write: (() => string) | undefined
  #text = ''

  constructor(id: number, at: number, kind: HappeningKind, peer: string, name: string, text: () => string) {
    this.id = id
    this.at = at
    this.kind = kind
    this.peer = peer
    this.name = name
    this.#write = text
  }

  get text(): string {
    if (this.#write) this.#text = this.#write()
    this.#write = undefined
    return this.#text
  }

  toJSON(): Happening {
    const { id, at, kind, peer, name, text } = this
    return { id, at, kind, peer, name, text }
  }
}

/** What one client is told of what happens: what fits its filter, and of that no more at a time than it can take. */
export class StreamFilter {
  readonly #text: string
  readonly #kinds: ReadonlySet<HappeningKind>
  /** The latest since the last time. Bounded by `toldMax`. */
  #waiting: Happening[] = []
  #missed = 0

  constructor({ text = '', kinds = happeningKinds }: StreamWant) {
    this.#text = text.toLowerCase()
    this.#kinds = new Set(kinds)
  }

  /** Something happened. */
  take(happening: Happening): void {
    const { kind, peer, name } = happening
    if (!this.#kinds.has(kind)) return
    if (this.#text !== '' && !`${peer} ${name}`.toLowerCase().includes(this.#text)) return
    this.#waiting.push(happening)
    if (this.#waiting.length < toldMax * 2) return
    this.#missed += toldMax
    this.#waiting = this.#waiting.slice(toldMax)
  }

  /** What there is to tell. */
  flush(): { stream?: readonly Happening[]; missed?: number } {
    if (this.#waiting.length === 0) return {}
    const stream = this.#waiting.slice(-toldMax)
    const missed = this.#missed + this.#waiting.length - stream.length
    this.#waiting = []
    this.#missed = 0
    return { stream, ...(missed > 0 && { missed }) }
  }
}
