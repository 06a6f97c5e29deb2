import fc from 'fast-check'
import t from 'tap'
import { compile, Topics } from '../lib/topics.js'

function fits(pattern: string, name: string): boolean {
  return compile(pattern)?.(name) ?? pattern === name
}

t.test('* stands for one segment, ** for any number of them, also none', async (t) => {
  const cases: [string, string[], string[]][] = [
    ['*', ['a', '*', '**', '__proto__', '_listeners', 'a\nb'], ['a:b', ':']],
    ['**', ['a', 'a:b', ':', 'a::b', '*'], []],
    ['a:*', ['a:b', 'a:', 'a:*'], ['a', 'a:b:c', 'b:a']],
    ['a:**', ['a', 'a:b', 'a:b:c', 'a:'], ['b', 'ab']],
    ['**:c', ['c', 'b:c', 'a:b:c'], ['c:a', 'bc']],
    ['a:**:c', ['a:c', 'a:b:c', 'a:b:b:c'], ['a', 'c', 'a:b']],
    ['**:**', ['a', 'a:b'], []],
    ['*:*', ['a:b', ':'], ['a', 'a:b:c']],
    ['a*', ['a*'], ['ab', 'a']],
    ['a.c', ['a.c'], ['abc']],
    ['a.c:*', ['a.c:d'], ['abc:d']],
    ['(+$:*', ['(+$:d'], ['(+$']],
  ]
  for (const [pattern, yes, no] of cases) {
    for (const name of yes) t.ok(fits(pattern, name), `${pattern} fits ${JSON.stringify(name)}`)
    for (const name of no) t.notOk(fits(pattern, name), `${pattern} does not fit ${JSON.stringify(name)}`)
  }
})

t.test('a pattern fits as its segments do', async () => {
  const segment = fc.constantFrom('a', 'b', '', '*', '**')
  const names = fc.array(segment, { minLength: 1, maxLength: 5 })
  fc.assert(fc.property(names, names, (pattern, name) => {
    return fits(pattern.join(':'), name.join(':')) === model(pattern, name)
  }))
})

/** The definition, word by word. */
function model([first, ...pattern]: string[], name: string[]): boolean {
  if (first === undefined) return name.length === 0
  if (first === '**') return model(pattern, name) || (name.length > 0 && model([first, ...pattern], name.slice(1)))
  return name.length > 0 && (first === '*' || first === name[0]) && model(pattern, name.slice(1))
}

t.test('those who gave the name in full come first, each in the order they came', async (t) => {
  const topics = new Topics<number>()
  topics.add('**', 1)
  topics.add('a', 2)
  topics.add('*', 3)
  topics.add('a', 4)
  t.strictSame(topics.find('a').map(({ handler }) => handler), [2, 4, 1, 3])
  t.strictSame(topics.find('b').map(({ handler }) => handler), [1, 3])
})

t.test('who leaves is gone at once, and does not disturb a walk that is under way', async (t) => {
  const topics = new Topics<string>()
  const off = [topics.add('a', 'first'), topics.add('a', 'second'), topics.add('*', 'third')]
  const walk = topics.find('a')
  off[1]?.()
  off[1]?.()
  t.strictSame(walk.map(({ active }) => active), [true, false, true])
  t.strictSame(topics.find('a').map(({ handler }) => handler), ['first', 'third'])
  t.notOk(topics.isEmpty)
  off[0]?.()
  off[2]?.()
  t.ok(topics.isEmpty)
  t.strictSame(topics.find('a'), [])
})

t.test('names of object members are names like any other', async (t) => {
  const topics = new Topics<string>()
  for (const name of ['__proto__', 'constructor', 'toString']) {
    t.strictSame(topics.find(name), [])
    topics.add(name, name)
    t.strictSame(topics.find(name).map(({ handler }) => handler), [name])
  }
})
