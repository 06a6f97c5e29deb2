import type { IncomingMessage } from 'node:http'
import type { Census } from '../census.js'
import { Dashboard } from '../dashboard.js'
import { Refusal } from '../errors.js'
import type { Exchange } from '../exchange.js'
import type { Route } from '../routes.js'

/** What the pages need. */
export interface PageParts {
  readonly census: Census
  /** What runs here. */
  readonly processes: () => readonly string[]
  /** Unix time in milliseconds. */
  readonly now: () => number
  /** Throws unless the request may read. */
  readonly checkRead: (request: IncomingMessage) => void
}

/**
 * The dashboard, for those who name `text/html` in what they accept, as browsers do; and for all others the plain page:
 * who is up and who is down, and what runs here. The dashboard holds nothing but code: what there is to see, it asks
 * for, and may be refused.
 */
export function pageRoutes({ census, processes, now, checkRead }: PageParts): Route[] {
  let dashboard: Promise<Dashboard | undefined> | undefined
  const load = async (): Promise<Dashboard | undefined> => {
    const loaded = await (dashboard ??= Dashboard.load())
    // it may be built while we run
    if (!loaded) dashboard = undefined
    return loaded
  }
  const plain = (exchange: Exchange, hint = ''): void => {
    checkRead(exchange.request)
    exchange.send(200, 'text/html; charset=utf-8', page(census, processes(), now(), hint), { vary: 'accept' })
  }
  return [
    {
      method: 'GET',
      path: '/',
      writes: false,
      open: true,
      summary: 'The dashboard for those who accept text/html; else the same as /plain.',
      answer: async (exchange) => {
        if (!exchange.accepts('text/html')) return plain(exchange)
        const loaded = await load()
        if (loaded) loaded.page(exchange)
        else plain(exchange, '<p>The dashboard is not built here. To build it: npm run build</p>\n')
      },
    },
    {
      method: 'GET',
      path: '/plain',
      writes: false,
      summary: 'A page for people and scripts, without scripts: who is up and who is down, and what runs here.',
      answer: (exchange) => plain(exchange),
    },
    {
      method: 'GET',
      path: '/dashboard/:file',
      writes: false,
      open: true,
      summary: 'What the dashboard is made of.',
      answer: async (exchange) => {
        const loaded = await load()
        if (loaded?.file(exchange, exchange.name('file'))) return
        throw new Refusal(404, 'ERR_KEY', `the dashboard has no ${JSON.stringify(exchange.name('file'))}`)
      },
    },
  ]
}

function page(census: Census, processes: readonly string[], now: number, hint: string): string {
  const all = census.members()
  const me = escape(all.find((member) => member.self)?.name ?? '')
  const others = all.filter((member) => !member.self)
  const isUp = ({ state }: { state: string }): boolean => state === 'alive' || state === 'suspect'
  const lines = others.map((member) => {
    const link = linkTo(member.name)
    if (isUp(member)) return `+ ${link} up ${age(now - census.firstSeen(member.name))} (${member.state})`
    return `- ${link} last seen ${age(now - member.since)} ago (${member.state})`
  })
  const unmet = census.unmet().map((seed) => `- ${linkTo(seed)} last seen never`)
  const count = others.filter(isUp).length
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${me} status</title></head><body>
<h1>${me} status</h1>
${[...lines, ...unmet].map((line) => `${line}<br>\n`).join('')}
<p>${count} active connections</p>
${hint}<h1>processes</h1>
${processes.map((name) => `${escape(name)}<br>\n`).join('')}</body></html>
`
}

function linkTo(name: string): string {
  return `<a href="http://${escape(name)}">${escape(name)}</a>`
}

/** A span of time in words: `3 days, 2 hours, 1 minutes, 5 seconds`. */
function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const parts = [
    [Math.floor(seconds / 86_400), 'days'],
    [Math.floor(seconds / 3_600) % 24, 'hours'],
    [Math.floor(seconds / 60) % 60, 'minutes'],
  ] as const
  return [...parts.flatMap(([n, unit]) => (n > 0 ? [`${n} ${unit}`] : [])), `${seconds % 60} seconds`].join(', ')
}

/** Names come from others: nothing in them is markup. */
function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
