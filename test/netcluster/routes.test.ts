import t from 'tap'
import { routesOf } from '../../lib/netcluster/routes.js'

function routes(patterns: Record<string, false | string>): Record<string, readonly string[]> {
  const channels = Object.entries(patterns).map(([name, propagatetochannels]) =>
    [name, { propagatetochannels, propagatetonet: false, dumptoconsole: false }] as const)
  return Object.fromEntries(routesOf(new Map(channels)))
}

t.test('each channel hears its own, and once', async t => {
  t.strictSame(routes({ control: false, A: '.*', B: false }), { control: ['control'], A: ['A', 'B'], B: ['B'] })
})

t.test('a pattern need not cover the name', async t => {
  t.strictSame(routes({ control: false, A: 'B', BB: '^B$', B: false })['A'], ['A', 'BB', 'B'])
  t.strictSame(routes({ control: false, A: '^B$', BB: false, B: false })['A'], ['A', 'B'])
})

t.test('only a pattern that spells control out reaches it', async t => {
  for (const pattern of ['.*', 'c', 'contro', '^c.*l$', '^.{7}$']) {
    t.strictSame(routes({ control: false, A: pattern })['A'], ['A'], pattern)
  }
  for (const pattern of ['control', '^(B|control)$']) {
    t.strictSame(routes({ control: false, A: pattern })['A'], ['A', 'control'], pattern)
  }
})
