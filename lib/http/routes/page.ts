import type { Census } from '../census.js'
import type { Route } from '../routes.js'

/** The plain page: who is up and who is down, and what runs here. For people, and for scripts that look for a line. */
export function pageRoutes(census: Census, processes: () => readonly string[], now: () => number): Route[] {
  return [
    {
      method: 'GET',
      path: '/',
      writes: false,
      summary: 'A page for people: who is up and who is down, and what runs here.',
      answer: (exchange) => exchange.send(200, 'text/html; charset=utf-8', page(census, processes(), now())),
    },
  ]
}

function page(census: Census, processes: readonly string[], now: number): string {
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
<h1>processes</h1>
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
