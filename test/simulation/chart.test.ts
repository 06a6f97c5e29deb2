import t from 'tap'
import { plot, svg } from '../../simulation/chart.js'

const curve = [[0, 0], [10, 0.5], [20, 1]] as const

t.test('a chart shows how the share grows', async (t) => {
  t.strictSame(plot(curve, 8, 2).split('\n'), [
    '100 % │       █',
    '      │   █████',
    '  0 % └────────',
    '       0  20 ms',
  ])
  t.equal(plot([[0, 0], [10, 0.25]], 10, 1).split('\n')[0], '100 % │         ▂')
  t.equal(plot([]), '')
})

t.test('a picture has the curve, its scale, and a title that cannot break it', async (t) => {
  const picture = svg(curve, 'a < b & c', 248, 196)
  t.match(picture, 'points="48.0,148.0 124.0,98.0 200.0,48.0"')
  t.match(picture, '>a &lt; b &amp; c</text>')
  t.match(picture, '>20 ms</text>')
})
