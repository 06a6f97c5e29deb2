import type { Exchange } from './exchange.js'

/** One thing that a peer does over HTTP. */
export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** `/state/:key`: `:name` stands for one segment, `:name*` at the end for all that is left, slashes included. */
  readonly path: string
  /** Whether it changes or runs something, which takes the token; reading may be open to all. */
  readonly writes: boolean
  /** Answers even those who may not read: says nothing but whether the peer is well. */
  readonly open?: boolean
  /** What it does, for the description at `/openapi.json`. */
  readonly summary: string
  /** Answers. What it throws is answered too; see `errors.ts`. */
  readonly answer: (exchange: Exchange) => void | Promise<void>
}

/** A worker app and how far each peer is with it; see `AppInfo` and `Standing` in `lib/apps`. */
export interface RunningApp {
  readonly name: string
  readonly want: { readonly run: boolean }
  readonly peers: Readonly<Record<string, AppStanding>>
}

/** How far a peer is with an app. */
export interface AppStanding {
  readonly state: string
  readonly version: number | undefined
  readonly error: string | undefined
}

/** What was found for a path: a route with what stands for its names, or the methods that the path does have. */
export type Match =
  | { readonly route: Route; readonly names: ReadonlyMap<string, string> }
  | { readonly allowed: readonly string[] }

/** The routes of one peer. Whoever has something to offer over HTTP adds some; the first that fits is taken. */
export class Routes {
  /** The programs that run here, for the page. */
  processes: () => readonly string[] = () => []
  /** Whether a service is to be served, even if nobody does at the moment. */
  expects: (service: string) => boolean = () => false
  /** The worker apps of the cluster. */
  apps: () => readonly RunningApp[] = () => []
  readonly #routes: { readonly route: Route; readonly pattern: RegExp; readonly names: readonly string[] }[] = []

  /** All of them, in the order they came. */
  get all(): readonly Route[] {
    return this.#routes.map(({ route }) => route)
  }

  /** Adds routes; returns what takes them off again. */
  add(routes: readonly Route[]): () => void {
    const added = routes.map((route) => ({ route, ...compile(route.path) }))
    this.#routes.push(...added)
    return () => {
      for (const each of added) {
        const at = this.#routes.indexOf(each)
        if (at >= 0) this.#routes.splice(at, 1)
      }
    }
  }

  /** Finds the route for a path as it stands in the request. HEAD is GET without a body. */
  find(method: string, path: string): Match {
    const wanted = method === 'HEAD' ? 'GET' : method
    const allowed = new Set<string>()
    for (const { route, pattern, names } of this.#routes) {
      const found = pattern.exec(path)
      if (!found) continue
      if (route.method === wanted) {
        return { route, names: new Map(names.map((name, i) => [name, found[i + 1] ?? ''])) }
      }
      allowed.add(route.method)
      if (route.method === 'GET') allowed.add('HEAD')
    }
    return { allowed: [...allowed] }
  }
}

const tables = new WeakMap<object, Routes>()

/** The routes of a peer, whether it serves HTTP or not: so its parts may add theirs in any order. */
export function routesOf(peer: object): Routes {
  let routes = tables.get(peer)
  if (!routes) tables.set(peer, (routes = new Routes()))
  return routes
}

/** Paths are written by us: nothing in these expressions comes from outside. */
function compile(path: string): { pattern: RegExp; names: string[] } {
  const names: string[] = []
  const source = path.replaceAll('.', String.raw`\.`).replaceAll(/:(\w+)(\*?)/g, (_, name: string, rest: string) => {
    names.push(name)
    return rest ? '(.+)' : '([^/]+)'
  })
  return { pattern: new RegExp(`^${source}$`), names }
}
