import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { alone, Mailbox } from '../../lib/queue/mailbox.js'

t.test('what is sent in one turn arrives as one message, in its order', async (t) => {
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port1.close())
  const mailbox = new Mailbox<number>(port1)
  const received = async (): Promise<unknown> => (await once(port2, 'message') as unknown[])[0]
  mailbox.send(1)
  mailbox.send(2)
  await Promise.resolve()
  mailbox.send(3)
  t.strictSame(await received(), [1, 2, 3])
  mailbox.send(4)
  t.strictSame(await received(), [4])
})

t.test('bytes are sent without the memory that they are a part of', (t) => {
  const large = new Uint8Array(1_000).fill(7)
  const part = alone(large.subarray(10, 13))
  t.strictSame([...part], [7, 7, 7])
  t.equal(part.buffer.byteLength, 3)
  t.equal(alone(large), large, 'those that are all of it are not copied')
  t.end()
})
