import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Exchange } from './exchange.js'

/** Where the page may be: beside what was built, or where it is built to when the sources run. */
const folders = ['../../dashboard/', '../../dist/dashboard/']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))

const mediaTypes: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
])

/**
 * The page runs only its own scripts and styles and talks to nobody but its peer; and nothing that came from the
 * network can be made a script by mistake.
 */
const policy = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  "require-trusted-types-for 'script'", "trusted-types 'none'",
].join('; ')

interface File {
  readonly mediaType: string
  readonly bytes: Buffer
  readonly zipped: Buffer
}

/** The dashboard as vite built it: a few files, kept in memory once somebody has asked for them. */
export class Dashboard {
  readonly #files: ReadonlyMap<string, File>

  private constructor(files: ReadonlyMap<string, File>) {
    this.#files = files
  }

  /** Undefined when it is not built. */
  static async load(places: readonly string[] = folders): Promise<Dashboard | undefined> {
    for (const folder of places) {
      const names = await readdir(folder).catch((): string[] => [])
      if (!names.includes('index.html')) continue
      const files = names.flatMap((name) => {
        const mediaType = mediaTypes.get(extname(name))
        return mediaType === undefined ? [] : [{ name, mediaType }]
      })
      const read = files.map(async ({ name, mediaType }): Promise<[string, File]> => {
        const bytes = await readFile(join(folder, name))
        return [name, { mediaType, bytes, zipped: gzipSync(bytes, { level: 9 }) }]
      })
      return new Dashboard(new Map(await Promise.all(read)))
    }
    return undefined
  }

  /** Answers with the page. */
  page(exchange: Exchange): void {
    this.#send(exchange, 'index.html', { 'content-security-policy': policy, vary: 'accept, accept-encoding' })
  }

  /** Answers with one of the files that the page needs; false when there is none of that name. */
  file(exchange: Exchange, name: string): boolean {
    // the name has the hash of what is in it
    const lasting = { 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' }
    return name !== 'index.html' && this.#send(exchange, name, lasting)
  }

  #send({ request, response }: Exchange, name: string, headers: Readonly<Record<string, string>>): boolean {
    const file = this.#files.get(name)
    if (!file) return false
    const takesGzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(request.headers['accept-encoding']?.toString() ?? '')
    const body = takesGzip ? file.zipped : file.bytes
    const encoding = takesGzip ? { 'content-encoding': 'gzip' } : {}
    const length = String(body.length)
    response.writeHead(200, { ...headers, ...encoding, 'content-type': file.mediaType, 'content-length': length })
    response.end(body)
    return true
  }
}
