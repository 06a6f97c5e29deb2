import { meetsTarget, standing, type Figure } from './figure.js'
import type { Machine } from './machine.js'
import { rivalNames, rivals, type Presence, type Rival, type RivalName } from './rivals.js'
import { markdown, writeNumber } from './table.js'

/** What one script measured, and where and when. */
export interface Result {
  bench: string
  about: string
  command: string
  date: string
  commit: string
  /** How long it took. */
  seconds?: number
  figures: Figure[]
}

/** What bench/results.json holds. */
export interface Results {
  machine: Machine
  /** What of the rivals was there in the last run that measured them; undefined: there was none. */
  rivals: Record<RivalName, Presence> | undefined
  results: Result[]
}

/** bench/RESULTS.md. */
export function writePage({ machine, rivals: found, results }: Results): string {
  const { cores, cpu, memoryBytes, node, system } = machine
  return [
    '# Results',
    '',
    'Written by `npm run bench -- --rivals`. Real processes and sockets on loopback of one machine:',
    `${cores} cores of ${cpu}, ${Math.round(memoryBytes / 2 ** 30)} GB, ${system}, Node ${node}.`,
    '',
    'Each cell is the median of the repetitions, with its extremes. Sides are measured in turn in the same run where',
    'a repetition is short. *Beside the best rival* compares medians: `2.3× NATS` means that ours is 2.3 times better',
    'than the best of them; where a rival is better, it says **NATS wins**; *level* means that the median of one lies',
    'within the extremes of the other. *Floor* is what the same machine does in the same run with plain sockets or a',
    'Map, without any library. Servers (NATS, Redis) share the cores with those who use them; on a machine of their',
    'own they would cost a way over the network instead.',
    '',
    '## In short',
    '',
    ...inShort(results),
    ...results.flatMap(section),
    ...found === undefined ? [] : ['', '## The rivals', '', ...rivalNames.map(name => theRival(name, found[name]))],
    '',
  ].join('\n')
}

function section({ bench, about, command, date, commit, figures }: Result): string[] {
  const notes = figures.flatMap(({ name, note }) => note === undefined ? [] : [`- *${name}*: ${note}`])
  return [
    '', `## ${bench}: ${about}`, '',
    `\`${command}\`, ${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}`, '',
    ...markdown(figures), ...notes.length > 0 ? ['', ...notes] : [],
  ]
}

/** Where rivals win first. */
function inShort(results: readonly Result[]): string[] {
  const all = results.flatMap(({ bench, figures }) => figures.map(figure => ({ bench, figure })))
  const lines = (wanted: 'ahead' | 'level' | 'behind'): string[] => all.flatMap(({ bench, figure }) => {
    const found = standing(figure)
    if (found?.standing !== wanted || figure.ours === undefined) return []
    const { rival, times, theirs } = found
    const size = (value: number): string => `${writeNumber(value)} ${figure.unit}`
    const by = wanted === 'level' || !Number.isFinite(times) ? '' : `, ${writeNumber(times)}×`
    return [`- ${bench}: ${figure.name}: ours ${size(figure.ours.median)}, ${rival} ${size(theirs.median)}${by}`]
  })
  const missed = all.flatMap(({ bench, figure }) => meetsTarget(figure) === false ? [`- ${bench}: ${figure.name}`] : [])
  const part = (title: string, items: string[]): string[] => items.length === 0 ? [] : [title, '', ...items, '']
  return [
    ...part('**Where a rival wins:**', lines('behind')),
    ...part('**Level with the best rival:**', lines('level')),
    ...part('**Ahead of every rival measured:**', lines('ahead')),
    ...part('**Own targets missed:**', missed),
  ].slice(0, -1)
}

function theRival(name: RivalName, there: Presence): string {
  const { title, how }: Rival = rivals[name]
  if ('missing' in there) return `- **${title}** was left out: ${there.missing}`
  const versions = Object.entries(there.versions).map(([part, version]) => `${part} ${version}`).join(', ')
  return `- **${title}**: ${versions}${how === undefined ? '' : `; ${how}`}`
}
