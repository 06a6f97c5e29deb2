import t from 'tap'
import { appName, jsonOrText, peerAddress, wholeNumber } from '../../../lib/cli/shared/arguments.js'

t.test('where a peer is', async t => {
  t.strictSame(peerAddress(':1111'), { name: '127.0.0.1:1111', host: '127.0.0.1', port: 1_111 })
  t.strictSame(peerAddress('[::1]:80'), { name: '[::1]:80', host: '::1', port: 80 })
  t.strictSame(peerAddress('db.example:80'), { name: 'db.example:80', host: 'db.example', port: 80 })
  for (const text of ['', ':', '1111', 'a:b', '::1:80', 'a:70000', 'http://a:1']) {
    t.throws(() => peerAddress(text), { code: 'commander.invalidArgument' }, text)
  }
})

t.test('an app is named by its folder and its worker', async t => {
  const names = ['apps/wordcount/counter', 'wordcount/counter', './apps/wordcount/counter.js', '/a/wordcount/counter']
  for (const text of names) t.equal(appName(text), 'wordcount/counter', text)
  for (const text of ['counter', '', '/', 'apps/../counter', 'a/b c', 'a/.hidden']) {
    t.throws(() => appName(text), { code: 'commander.invalidArgument' }, text)
  }
})

t.test('what is no JSON is text', async t => {
  t.strictSame(jsonOrText('{"a":[1]}'), { a: [1] })
  t.equal(jsonOrText("{'the quick brown fox...'}"), "{'the quick brown fox...'}")
  t.equal(jsonOrText('12'), 12)
})

t.test('numbers have bounds', async t => {
  t.equal(wholeNumber(1, 10)('10'), 10)
  for (const text of ['0', '11', '-1', '1.5', '', 'x', '1e1']) t.throws(() => wholeNumber(1, 10)(text), text)
})
