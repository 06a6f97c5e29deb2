import type { Msg, NatsConnection } from '@nats-io/transport-node'
import t from 'tap'
import { Requests } from '../../../lib/queue/jetstream/requests.js'

/** A connection to nobody: what is published can be answered by hand. */
class Line {
  readonly asked: { readonly subject: string; readonly reply: string }[] = []
  #hear: (error: null, message: Msg) => void = () => undefined

  get connection(): NatsConnection {
    const line = {
      subscribe: (_: string, { callback }: { callback: (error: null, message: Msg) => void }) => {
        this.#hear = callback
      },
      publish: (subject: string, _: Uint8Array, { reply }: { reply: string }) => {
        if (subject === 'closed') throw new Error('the connection is closed')
        this.asked.push({ subject, reply })
      },
    }
    return line as unknown as NatsConnection
  }

  answer(at: number, message: { readonly data: Uint8Array; readonly headers?: { readonly code: number } }): void {
    this.#hear(null, { subject: this.asked[at]?.reply, ...message } as Msg)
  }
}

const some = new Uint8Array([1])
const none = new Uint8Array(0)

t.test('each question gets its own answer, once, in whatever order they come', async (t) => {
  const line = new Line()
  const requests = new Requests(line.connection, 60_000)
  t.teardown(() => requests.close())
  const answers = Promise.all(['a', 'b', 'c'].map((subject) => requests.ask(subject, none)))
  for (const at of [2, 0, 1, 1]) line.answer(at, { data: Uint8Array.of(at) })
  t.strictSame((await answers).map(({ data }) => data[0]), [0, 1, 2])
})

t.test('a question that nobody is there to answer is rejected, one that is answered with nothing is not', async (t) => {
  const line = new Line()
  const requests = new Requests(line.connection, 60_000)
  t.teardown(() => requests.close())
  const [first, second] = [requests.ask('a', some), requests.ask('b', some)]
  line.answer(0, { data: none, headers: { code: 503 } })
  line.answer(1, { data: none, headers: { code: 404 } })
  await t.rejects(first, { message: /nobody/ })
  t.equal((await second).headers?.code, 404)
})

t.test('what is not answered in time is rejected, and what comes then is of no use', async (t) => {
  const line = new Line()
  const requests = new Requests(line.connection, 20)
  await Promise.all(['a', 'b'].map((subject) => t.rejects(requests.ask(subject, some), { message: /within 20 ms/ })))
  line.answer(0, { data: some })
  const third = requests.ask('c', some)
  line.answer(2, { data: some })
  t.strictSame((await third).data, some)
})

t.test('a connection that is closed rejects what is asked, and what was', async (t) => {
  const line = new Line()
  const requests = new Requests(line.connection, 60_000)
  const asked = requests.ask('a', some)
  await t.rejects(requests.ask('closed', some), { message: /closed/ })
  requests.close()
  await t.rejects(asked, { message: /closed/ })
})
