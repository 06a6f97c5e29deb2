import t from 'tap'
import { clean, draw, fit, table, widthOf } from '../../../lib/cli/top/style.js'

t.test('texts are cut and filled to a width, whatever script they are in', async (t) => {
  t.equal(fit('abc', 5), 'abc  ')
  t.equal(fit('abc', 5, 'right'), '  abc')
  t.equal(fit('abcdef', 4), 'abc…')
  t.equal(fit('abc', 0), '')
  t.equal(widthOf('漢字'), 4)
  t.equal(fit('漢字漢字', 4), '漢… ')
  t.equal(fit('👍👍', 3), '👍…')
  t.equal(widthOf('e\u0301'), 1)
  for (const text of ['abcdef', '漢字漢字', 'a漢b字', '👍👍👍']) {
    for (let width = 1; width < 10; width++) t.equal(widthOf(fit(text, width)), width, `${text} in ${width}`)
  }
})

t.test('nothing that a terminal or a reader would take for something else is shown', async (t) => {
  t.equal(clean('\u001b[31mred\u001b[0m'), 'red')
  t.equal(clean('\u001b]0;title\u0007x'), 'x')
  t.equal(clean('a\r\nb\tc\u0007\u009b1m'), 'a  b c ')
  t.equal(clean('10.0.0.1\u202e:0009\u200b\u2066\ufeff\u00ad'), '10.0.0.1:0009')
  t.equal(clean('Zoë 漢字 👍'), 'Zoë 漢字 👍')
})

t.test('a line has the columns that there are, with colours or without', async (t) => {
  const line = [{ text: 'alive', look: 'good' as const }, { text: ' and well', look: 'usual' as const }]
  t.equal(draw(line, 80, false), 'alive and well')
  t.equal(draw(line, 80, true), '\u001b[32malive\u001b[0m and well')
  t.equal(draw(line, 8, false), 'alive a…')
  t.equal(draw(line, 3, true), '\u001b[32mal…\u001b[0m')
})

t.test('columns of a table are as wide as what is in them', async (t) => {
  const lines = table([{ title: 'NAME' }, { title: 'N', align: 'right' }], [
    [{ text: '漢字漢字' }, { text: '1' }], [{ text: 'a' }, { text: '100' }], [],
  ])
  t.strictSame(lines.map((line) => draw(line, 80, false)), ['NAME        N', '漢字漢字    1', 'a         100', ''])
})
