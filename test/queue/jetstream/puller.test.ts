import type { Msg, NatsConnection } from '@nats-io/transport-node'
import t, { type Test } from 'tap'
import { Puller } from '../../../lib/queue/jetstream/puller.js'

/** The server's side of a connection: what it was asked for, and what it sends. */
class Server {
  readonly asked: { readonly batch: number; readonly reply: string }[] = []
  /** Called when it hears that nothing more is wanted: it may have sent something until then. */
  unwanted: () => void = () => undefined
  isClosed = false
  /** Whether it stands still, and hears nothing. */
  isStill = false
  #hear: ((error: null, message: Msg) => void) | undefined

  get connection(): NatsConnection {
    const connection = {
      isClosed: () => this.isClosed,
      subscribe: (_: string, { callback }: { callback: (error: null, message: Msg) => void }) => {
        this.#hear = callback
        return {
          // a client gives nothing more to one who unsubscribes; one who drains gets all until the server has heard
          unsubscribe: () => {
            this.#hear = undefined
            this.unwanted()
          },
          drain: async () => {
            if (this.isStill) await new Promise(() => undefined)
            this.unwanted()
            this.#hear = undefined
          },
        }
      },
      publish: (_: string, request: string, { reply }: { reply: string }) => {
        if (this.isClosed) throw new Error('closed connection')
        this.asked.push({ batch: (JSON.parse(request) as { batch: number }).batch, reply })
      },
      flush: async () => undefined,
    }
    return connection as unknown as NatsConnection
  }

  send(data: string): void {
    this.#hear?.(null, { subject: 'a job', data: Buffer.from(data) } as unknown as Msg)
  }

  /** Answers a question with a status. */
  refuse(at: number, code: number): void {
    const { reply: subject } = this.asked[at] as { reply: string }
    this.#hear?.(null, { subject, data: Buffer.alloc(0), headers: { code } } as unknown as Msg)
  }

  /** For how many it was asked each time. */
  get batches(): number[] {
    return this.asked.map(({ batch }) => batch)
  }
}

function pulling(t: Test, room: number) {
  const server = new Server()
  const taken: string[] = []
  const puller = new Puller(server.connection, 'next', room, ({ data }) => taken.push(Buffer.from(data).toString()))
  t.teardown(() => puller.stop())
  return { server, puller, taken }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('what the server sent until it heard that no more is wanted is taken', async (t) => {
  const { server, puller, taken } = pulling(t, 3)
  server.send('a')
  server.unwanted = () => server.send('b')
  await puller.stop()
  server.send('c')
  t.strictSame(taken, ['a', 'b'])
  puller.free()
  await turn()
  t.strictSame(server.batches, [3], 'nor is it asked again')
})

t.test('it is asked for as many as there is room for, in one question for what came free in one turn', async (t) => {
  const { server, puller } = pulling(t, 3)
  server.send('a')
  server.send('b')
  await turn()
  t.strictSame(server.batches, [3])
  puller.free()
  puller.free()
  await turn()
  t.strictSame(server.batches, [3, 2])
})

t.test('a question that nothing came of in time is asked again, for what is left of it', async (t) => {
  const { server } = pulling(t, 3)
  server.send('a')
  server.refuse(0, 408)
  await turn()
  t.strictSame(server.batches, [3, 2])
})

t.test('so is what was asked over a connection that is gone', async (t) => {
  const { server, puller } = pulling(t, 3)
  server.send('a')
  puller.restart()
  await turn()
  t.strictSame(server.batches, [3, 2])
  server.refuse(0, 408)
  await turn()
  t.strictSame(server.batches, [3, 2], 'what comes of the earlier one changes nothing')
})

t.test('a server that stands still is not waited for when no more is wanted', async (t) => {
  const { server, puller, taken } = pulling(t, 3)
  server.isStill = true
  await puller.stop()
  server.send('late')
  t.strictSame(taken, [])
  server.isStill = false
})

t.test('nothing is asked for when the connection is closed', async (t) => {
  const { server, puller } = pulling(t, 3)
  server.send('a')
  server.isClosed = true
  puller.free()
  await turn()
  t.strictSame(server.batches, [3])
})
