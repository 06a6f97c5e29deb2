import { Refusal } from '../http/errors.js'
import type { Exchange } from '../http/exchange.js'
import type { Route } from '../http/routes.js'
import type { AppHost } from './host.js'
import { archiveLimits, manifestLengthMax, type SignedManifest } from './manifest.js'

/** The media type of a deployment: a line of JSON, the signed manifest, then the archive. */
export const deploymentType = 'application/vnd.telepathine.app'

/** What a peer that hosts apps does over HTTP, beside giving them tasks. */
export function appRoutes(host: AppHost): Route[] {
  const nameOf = (exchange: Exchange): string => `${exchange.name('dir')}/${exchange.name('worker')}`
  return [
    {
      method: 'GET',
      path: '/apps',
      writes: false,
      summary: 'The apps of the cluster, and how far each peer is with each.',
      answer: (exchange) => exchange.json(200, { cluster: host.cluster, apps: host.apps() }),
    },
    {
      method: 'GET',
      path: '/apps/:dir/:worker',
      writes: false,
      summary: 'One of them.',
      answer: (exchange) => {
        const found = host.app(nameOf(exchange))
        if (!found) throw new Refusal(404, 'ERR_KEY', `nothing is known of ${nameOf(exchange)}`)
        exchange.json(200, found)
      },
    },
    {
      method: 'GET',
      path: '/apps/:dir',
      writes: false,
      summary: 'The versions of an app folder that this peer keeps, the highest first: signed manifests.',
      answer: (exchange) => exchange.json(200, { versions: host.versions(exchange.name('dir')) }),
    },
    {
      method: 'PUT',
      path: '/apps/:dir/:worker',
      writes: true,
      summary: 'Has the cluster run an app: { peers?, hash? }; answers with the order that peers will follow.',
      answer: async (exchange) => {
        exchange.json(202, { order: host.run(nameOf(exchange), optionsOf(await exchange.body())) })
      },
    },
    {
      method: 'DELETE',
      path: '/apps/:dir/:worker',
      writes: true,
      summary: 'Has the cluster run an app no more.',
      answer: (exchange) => exchange.json(202, { order: host.halt(nameOf(exchange)) }),
    },
    {
      method: 'POST',
      path: '/deploy',
      writes: true,
      summary: `Takes code (${deploymentType}): a line of JSON, the signed manifest, then the archive.`,
      answer: (exchange) => deploy(host, exchange),
    },
  ]
}

/**
 * The original's orders. There a peer passed them on, and each followed the one that it was told; here every order is
 * one for the cluster.
 */
export function legacyRoutes(host: AppHost): Route[] {
  const order = (path: string, answer: string, follow: (app: string) => void): Route => ({
    method: 'POST',
    path,
    writes: true,
    summary: `The original's order: { app }.`,
    answer: async (exchange) => {
      const { app } = ((await exchange.body()) ?? {}) as { app?: unknown }
      const form = '{ "app": "apps/folder/worker" }'
      if (typeof app !== 'string') throw new Refusal(400, 'ERR_VALUE', `the body must be ${form}`)
      follow(app.replace(/^apps\//, ''))
      exchange.json(200, answer)
    },
  })
  const run = (app: string): void => void host.run(app)
  const halt = (app: string): void => void host.halt(app)
  return [
    order('/masterStart', 'masterStart', run),
    order('/masterStop', 'masterStop', halt),
    order('/start', 'started', run),
    order('/stop', 'stopped', halt),
  ]
}

function optionsOf(body: unknown): { peers?: number; hash?: string } {
  if (typeof body !== 'object' || body === null) throw new Refusal(400, 'ERR_VALUE', 'the body must be an object')
  const { peers, hash } = body as { peers?: unknown; hash?: unknown }
  if (hash !== undefined && typeof hash !== 'string') throw new Refusal(400, 'ERR_VALUE', 'hash must be a text')
  if (peers !== undefined && typeof peers !== 'number') throw new Refusal(400, 'ERR_VALUE', 'peers must be a number')
  return { ...(peers !== undefined && { peers }), ...(hash !== undefined && { hash }) }
}

async function deploy(host: AppHost, exchange: Exchange): Promise<void> {
  const chunks = exchange.upload(deploymentType, archiveLimits.bytes + 2 * manifestLengthMax)
  try {
    const { signed, rest } = await readHead(chunks)
    const archive = following(rest, chunks)
    const hash = await host.deploy(signed, archive)
    // one that is here already is not looked at; but it must be let through
    for await (const _ of archive) continue
    exchange.json(201, { hash })
  } finally {
    await chunks.return()
  }
}

/** Reads the line that a deployment begins with. */
async function readHead(chunks: AsyncIterator<Buffer>): Promise<{ signed: SignedManifest; rest: Buffer }> {
  const refusal = new Refusal(400, 'ERR_VALUE', 'the body must begin with a signed manifest as a line of JSON')
  let head = Buffer.alloc(0)
  while (!head.includes('\n')) {
    const next = await chunks.next()
    if (next.done === true || head.length > 2 * manifestLengthMax) throw refusal
    head = Buffer.concat([head, next.value])
  }
  const end = head.indexOf('\n')
  try {
    return { signed: JSON.parse(head.toString('utf8', 0, end)) as SignedManifest, rest: head.subarray(end + 1) }
  } catch {
    throw refusal
  }
}

async function* following(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first
  yield* rest
}
