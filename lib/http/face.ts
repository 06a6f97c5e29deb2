import type { Socket } from 'node:net'
import type { Telepathine } from '../telepathine.js'
import { familiesOf } from '../metrics/families.js'
import { LoopDelay } from '../metrics/loop.js'
import { peerFamilies } from '../metrics/peer.js'
import { queueFamilies } from '../metrics/queue.js'
import { workFamilies } from '../metrics/work.js'
import { vitalsOf } from '../vitals.js'
import { Dispatcher } from '../work/index.js'
import { boardOf } from '../work/switchboard.js'
import { Census } from './census.js'
import { Depths } from './depths.js'
import { Gateway, type WebSocketDoor } from './gateway.js'
import { Guard, type GuardOptions } from './guard.js'
import { Live } from './live/live.js'
import { type Routes, routesOf } from './routes.js'
import { eventRoutes } from './routes/events.js'
import { jobRoutes } from './routes/jobs.js'
import { legacyRoutes } from './routes/legacy.js'
import { metricRoutes } from './routes/metrics.js'
import { openapiRoutes } from './routes/openapi.js'
import { pageRoutes } from './routes/page.js'
import { peerRoutes } from './routes/peers.js'
import { queueRoutes } from './routes/queues.js'
import { stateRoutes } from './routes/state.js'
import type { FaceView, Sighting } from './view.js'

/** What a peer's face is to be like. */
export interface FaceOptions extends GuardOptions {
  readonly maxBodyBytes: number
  /** Whether to answer as the original did, too. */
  readonly legacy: boolean
  /** Whether the process is measured, too. */
  readonly processMetrics: boolean
}

/** For requests under way to finish when the peer stops. */
const lingerMs = 1_000

/** One life of a peer as HTTP shows it. */
export class HTTPFace {
  readonly #census: Census
  readonly #gateway: Gateway
  readonly #live: Live
  readonly #withdraw: () => void
  readonly #unmeasure: () => void
  readonly #work: Dispatcher
  readonly #closing = new AbortController()

  constructor(peer: Telepathine, view: FaceView, options: FaceOptions) {
    const routes = routesOf(peer)
    const ownGuard = new Guard(options)
    this.#work = new Dispatcher(peer)
    this.#census = new Census(view)
    const depths = new Depths(view.clock, this.#work)
    this.#live = new Live({ peer, view, census: this.#census, routes, depths })
    this.#unmeasure = measure(peer, depths)
    this.#withdraw = routes.add([
      ...pageRoutes({
        census: this.#census,
        processes: () => routes.processes(),
        now: () => view.now(),
        checkRead: (request) => ownGuard.checkRight(request, { writes: false }),
      }),
      ...peerRoutes(this.#census, () => this.#closing.signal.aborted),
      ...stateRoutes(peer, view),
      ...eventRoutes(peer, view, this.#closing.signal),
      ...jobRoutes(this.#work, (service, target) => this.#isAway(routes, view, service, target), this.#closing.signal),
      ...queueRoutes(this.#work),
      ...this.#live.routes,
      ...metricRoutes(familiesOf(peer), options.processMetrics),
      ...openapiRoutes(routes),
      ...(options.legacy ? legacyRoutes(peer, this.#census) : []),
    ])
    const live: WebSocketDoor = (request, socket, head, guard) => this.#live.accept(request, socket, head, guard)
    this.#gateway = new Gateway({ ...options, routes, webSockets: new Map([['/live', live]]) })
  }

  /** Serves a connection whose first bytes, `head`, have been read already. */
  accept(socket: Socket, head: Uint8Array): void {
    this.#gateway.accept(socket, head)
  }

  /** Takes note of what became of another peer. */
  see(sighting: Sighting): void {
    this.#census.see(sighting)
    this.#live.see(sighting)
  }

  /** Whether a service that nobody serves, or not the peer that is to, may well be served again soon. */
  #isAway(routes: Routes, view: FaceView, service: string, target: string | undefined): boolean {
    if (target !== undefined) {
      return this.#work.knows(service, target) || (routes.expects(service) && view.standing(target) !== undefined)
    }
    return this.#work.workers(service).length === 0 && (routes.expects(service) || this.#work.knows(service))
  }

  /** Ends all connections, those with a request under way after a moment. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#live.close()
    await this.#gateway.close(lingerMs)
    await this.#work.stop()
    this.#withdraw()
    this.#unmeasure()
  }
}

/** Begins to measure a peer; returns what ends it. */
function measure(peer: Telepathine, depths: Depths): () => void {
  boardOf(peer)?.measure()
  const vitals = vitalsOf(peer)
  const loop = new LoopDelay()
  loop.start()
  const of = vitals === undefined ? [] : peerFamilies(vitals)
  const work = [...workFamilies(() => boardOf(peer)), ...queueFamilies(() => depths.look())]
  const off = familiesOf(peer).add([...of, ...work, ...loop.families])
  return () => {
    loop.stop()
    off()
  }
}
