import { standing, type Figure } from './figure.js'
import type { Result } from './page.js'
import { rivals, type RivalName } from './rivals.js'
import { writeNumber } from './table.js'

/** What README.md shows of all that was measured, in this order. */
const shown: readonly (readonly [bench: string, figure: string])[] = [
  ['spread', 'start until all 60 know each other'],
  ['spread', 'set until the last of 60 knows'],
  ['death', 'SIGKILL until the last of 7 survivors has peer:stop'],
  ['death', 'SIGSTOP until the last of 7 has peer:stop'],
  ['events', 'say to hear, to one subscriber'],
  ['events', 'say to hear, to each of four'],
  ['calls', 'calls of 100 bytes, one at a time'],
  ['calls', 'calls of 100 bytes, 64 at a time'],
  ['calls', 'calls of 100 bytes, 256 at a time'],
  ['queue', 'durable jobs, each waited for'],
  ['queue', 'durable jobs, nobody waits'],
  ['join', 'start until 100,000 keys of 100 bytes are known'],
  ['keyspace', 'set of an own key'],
  ['keyspace', 'memory per key'],
  ['idle', 'CPU of each'],
  ['idle', 'on the wire, for each of 32 idle peers'],
  ['idle', 'private memory of each process'],
]

const begin = '<!-- figures: written by npm run bench -->'
const end = '<!-- end of figures -->'

/** README.md with the figures that were measured beside a rival, between its two marks; as it is where it has none. */
export function withFigures(readme: string, results: readonly Result[]): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) return readme
  const rows = shown.flatMap(([bench, name]) => {
    const figure = results.find(result => result.bench === bench)?.figures.find(each => each.name === name)
    return figure?.ours === undefined || bestRival(figure) === '' ? [] : [row(figure)]
  })
  const head = ['| figure | unit | ours | the best rival |', '| --- | --- | --- | --- |']
  return `${readme.slice(0, from + begin.length)}\n${[...head, ...rows].join('\n')}\n${readme.slice(to)}`
}

function row(figure: Figure): string {
  const { name, unit, ours } = figure
  return `| ${name} | ${unit} | ${writeNumber(ours?.median ?? NaN)} | ${bestRival(figure)} |`
}

/** What the best rival came to, who that is, and which of the two is better. */
function bestRival(figure: Figure): string {
  const found = standing(figure)
  if (found === undefined) return gaveUp(figure)
  const times = Number.isFinite(found.times) ? ` ${writeNumber(found.times)}×` : ''
  const who = {
    ahead: `(${found.rival}; ours is better${times})`,
    level: `(${found.rival}; level)`,
    behind: `**(${found.rival} is better${times})**`,
  }
  return `${writeNumber(found.theirs.median)} ${who[found.standing]}`
}

/** Where no rival did it: what became of one. */
function gaveUp({ gaveUp: gone = {} }: Figure): string {
  const [first] = Object.entries(gone) as [RivalName, string | undefined][]
  return first?.[1] === undefined ? '' : `${first[1]} (${rivals[first[0]].title})`
}
