import { surveyOf } from '../../work/survey.js'
import type { Census } from '../census.js'
import type { Routes } from '../routes.js'
import type { FaceView } from '../view.js'
import type { Backlog } from './backlog.js'
import { KeyCounts } from './keycounts.js'
import { preview } from './preview.js'
import type { AppRow, LiveDelta, LiveSnapshot, PeerRow, QueueRow, RumourRow, WorkerRow } from './protocol.js'
import { Table } from './table.js'

/** Longest text of what a peer says of itself. */
const textLengthMax = 300

/** Times of the same rumour may differ by this. */
const slackMs = 2_000

/** What a scene is taken from. */
export interface SceneParts {
  readonly peer: object
  readonly view: FaceView
  readonly census: Census
  readonly routes: Routes
  readonly backlog: Backlog
}

/** The tables, as they are at one moment, and what is different from the moment before. */
export class Scene {
  readonly #parts: SceneParts
  readonly #counts: KeyCounts
  readonly #peers = new Table<PeerRow>()
  readonly #rumours = new Table<RumourRow>()
  readonly #workers = new Table<WorkerRow>()
  readonly #apps = new Table<AppRow>()
  readonly #queues = new Table<QueueRow>()

  constructor(parts: SceneParts) {
    this.#parts = parts
    this.#counts = new KeyCounts(parts.view)
  }

  /** All tables, as at the last look. */
  get tables(): LiveSnapshot['tables'] {
    return {
      peers: this.#peers.rows,
      rumours: this.#rumours.rows,
      workers: this.#workers.rows,
      apps: this.#apps.rows,
      queues: this.#queues.rows,
    }
  }

  /** A rumour, as at the last look. */
  rumour(key: string): RumourRow | undefined {
    return this.#rumours.row(key)
  }

  /** Looks around; returns what has changed since the last look. */
  look(): NonNullable<LiveDelta['tables']> {
    const peers = this.#peers.look(this.#peerRows())
    const rumours = this.#rumours.look(this.#rumourRows())
    const workers = this.#workers.look(this.#workerRows())
    const apps = this.#apps.look(this.#appRows())
    const queues = this.#queues.look(this.#parts.backlog.rows)
    return {
      ...(peers && { peers }),
      ...(rumours && { rumours }),
      ...(workers && { workers }),
      ...(apps && { apps }),
      ...(queues && { queues }),
    }
  }

  #peerRows(): PeerRow[] {
    const { view, census } = this.#parts
    this.#counts.begin()
    return census.members().flatMap(({ name, state, incarnation, since, metadata }) => {
      const detail = view.detail(name)
      if (!detail) return []
      return {
        key: name,
        state,
        incarnation,
        since,
        place: Math.round((detail.place / 2 ** 32) * 1e5) / 1e5,
        phi: detail.isWatched ? Math.round(Math.min(detail.phi, 99) * 10) / 10 : null,
        version: detail.maxVersion,
        keys: this.#counts.count(name, incarnation, detail.maxVersion),
        bytes: detail.stateBytes,
        metadata: metadata === undefined ? '' : preview(metadata, textLengthMax),
      }
    })
  }

  #rumourRows(): RumourRow[] {
    const rows = new Map<string, RumourRow>()
    for (const { by, about, verdict, at, stands } of this.#parts.view.rumours()) {
      // what the same peer says later of the same replaces what it said before
      const key = `${by} ${about}`
      const before = this.#rumours.row(key)
      // when it was said is reckoned from when it ends, and never twice quite the same
      const isSame = before?.verdict === verdict && Math.abs(before.at - at) < slackMs
      rows.set(key, { key, by, about, verdict, at: isSame ? before.at : at, stands })
    }
    return [...rows.values()]
  }

  #workerRows(): WorkerRow[] {
    return surveyOf(this.#parts.peer).map(({ service, peer, status, figures, ...offer }) => ({
      key: `${peer} ${service}`,
      service,
      peer,
      version: (offer.version ?? '').slice(0, textLengthMax),
      tags: offer.tags.join(', ').slice(0, textLengthMax),
      concurrency: offer.concurrency,
      load: typeof status === 'number' ? status.toFixed(2) : status === undefined ? '' : preview(status, 40),
      inflight: offer.inflight,
      running: figures?.running ?? null,
      waiting: figures?.waiting ?? null,
      calls: figures?.calls ?? null,
      errors: figures?.errors ?? null,
      refused: figures?.refused ?? null,
      p50: figures?.p50 ?? null,
      p99: figures?.p99 ?? null,
    }))
  }

  #appRows(): AppRow[] {
    return this.#parts.routes.apps().flatMap(({ name: app, want, peers }) => {
      const isWanted = want.run
      const standings = Object.entries(peers)
      if (standings.length === 0) {
        return [{ key: app, app, peer: '', isWanted, state: 'unknown', version: null, error: '' }]
      }
      return standings.map(([peer, { state, version = null, error = '' }]) => (
        { key: `${peer} ${app}`, app, peer, isWanted, state, version, error: error.slice(0, textLengthMax) }
      ))
    })
  }
}
