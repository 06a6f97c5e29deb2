import t from 'tap'
import { History } from '../../../lib/http/live/history.js'
import { sampleFields, samplesMax } from '../../../lib/http/live/protocol.js'
import { topicView } from './fixtures/view.js'

/** A history of a peer that sends nothing by itself. */
function historyFor() {
  const view = topicView({ 'a:1': {}, 'b:1': {} })
  const traffic = () => ({ messages: 0, bytes: 0 })
  const sent = { news: traffic(), repair: traffic(), liveness: traffic(), work: traffic() }
  Object.assign(view.face, { stats: { sent } })
  const history = new History({ view: view.face, work: () => sent.work, firstSeen: () => 1_000 })
  const take = () => {
    const sample = history.take()
    return Object.fromEntries(sampleFields.map((field, i) => [field, sample[i]]))
  }
  return { view, sent, history, take }
}

t.test('rates are those of the time since the sample before', async t => {
  const { view, sent, take } = historyFor()
  Object.assign(sent.news, { messages: 10, bytes: 4_000 })
  Object.assign(sent.work, { messages: 20, bytes: 200 })
  view.pass(2_000)
  t.match(take(), { at: 2_000, news: 2_000, repair: 0, liveness: 0, work: 100, messages: 15, alive: 2, dead: 0 })
  view.pass(1_000)
  t.match(take(), { at: 3_000, news: 0, work: 0, messages: 0 })
})

t.test('what was set before its peer was known says nothing of the way here', async t => {
  const { view, history, take } = historyFor()
  view.pass(2_000)
  t.match(take(), { arrivals: 0, lag50: null, lag99: null })
  history.arrived('b:1', 999)
  for (let ms = 1; ms <= 100; ms++) history.arrived('b:1', 2_000 - ms)
  history.arrived('b:1', 5_000)
  view.pass(1_000)
  t.match(take(), { arrivals: 101, lag50: 50, lag99: 99 }, 'a clock that is ahead makes no lag')
  for (let i = 0; i < 10_000; i++) history.arrived('b:1', 2_990)
  view.pass(1_000)
  t.match(take(), { arrivals: 10_000, lag50: 10, lag99: 10 })
})

t.test('only the last minutes are kept', async t => {
  const { view, history, take } = historyFor()
  for (let i = 0; i < samplesMax + 5; i++) {
    view.pass(2_000)
    take()
  }
  t.equal(history.samples.length, samplesMax)
  t.equal(history.samples[0]?.[0], 12_000)
})
