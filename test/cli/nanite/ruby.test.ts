import t from 'tap'
import { fromRuby } from '../../../lib/cli/nanite/ruby.js'

const lines = [
  [">> Nanite.request('/mock/list') {|res| p res }", "Nanite.request('/mock/list', (res) => { p(res) })\n"],
  [
    "Nanite.request('/foo/bar', 'hi', :all) {|res| p res }",
    "Nanite.request('/foo/bar', 'hi', 'all', (res) => { p(res) })\n",
  ],
  [
    "Nanite.request('/a', 42, :random) { |res, job| p res; puts job.token }",
    "Nanite.request('/a', 42, 'random', (res, job) => { p(res); p(job.token) })\n",
  ],
  ['# run this request on *all* agents', '\n'],
  ['', ''],
] as const
for (const [ruby, js] of lines) t.test(`${ruby} is understood`, async (t) => t.equal(fromRuby(ruby), js))

for (const js of [
  "Nanite.request('/a', ', :all {|x| p x }', (res) => { p(res) })\n", 'const a = { b: 1, c: x ? y :z }\n', '#x in y\n',
  "if (a) { b || c }\n", 'a("\\", :b", `, :c`)\n', '[1, 2].map((x) => { return x | 1 })\n', 'f(a) || { b: 1 }\n',
]) {
  t.test(`JavaScript passes unchanged: ${js.trim()}`, async (t) => t.equal(fromRuby(js), js))
}
