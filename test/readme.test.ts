import t from 'tap'
import { readPage } from './fixtures/markdown.js'
import { brokenLinks, follow } from './fixtures/pages.js'

const readme = readPage('README.md')

t.test('what README.md shows works as it stands there', { timeout: 120_000 }, t => follow(t, 'README.md'))

t.test('README.md has the two commands that do everything', async t => {
  for (const command of ['npm install && npm start', 'npm install && npm test']) {
    t.ok(readme.text.split('\n').includes(command), command)
  }
})

t.test('what README.md links to is there', async t => {
  t.ok(readme.links.length >= 20)
  t.strictSame(brokenLinks('README.md'), [])
})

t.test('the figures in README.md are those of bench/RESULTS.md', async t => {
  const measured = rows(readPage('bench/RESULTS.md').text)
  const quoted = [...rows(readme.text)].filter(([, cells]) => /^[\d,.]+/.test(cells[1] ?? ''))
  t.ok(quoted.length >= 5)
  for (const [figure, [unit, ...cells]] of quoted) {
    const row = measured.get(figure)
    t.ok(row, `${figure} has been measured`)
    t.equal(row?.[0], unit, `${figure} is in ${unit}`)
    const medians = row?.map(cell => cell.split(' ')[0])
    for (const cell of cells) {
      t.ok(medians?.includes(cell.split(' ')[0]), `${figure}: ${cell} is among ${row?.join(' | ')}`)
    }
  }
})

/** The rows of all tables: what stands behind the first cell, by that. */
function rows(text: string): Map<string, string[]> {
  const lines = text.split('\n').filter(line => line.startsWith('| '))
  return new Map(lines.map(line => {
    const [, first = '', ...rest] = line.split('|').map(cell => cell.trim())
    return [first, rest.slice(0, -1)]
  }))
}
