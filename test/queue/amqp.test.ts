import t from 'tap'
import { openQueue } from '../../lib/work/index.js'
import { contract } from './fixtures/contract.js'
import { missing, rabbit } from './fixtures/servers.js'
import type { Place } from './fixtures/workshop.js'

// a new queue is left alone for a while, and each test has some
t.setTimeout(300_000)

const skip = missing('rabbitmq-server') ?? false

t.test('durable work on RabbitMQ', { skip }, async (t) => {
  const server = await rabbit()
  t.teardown(() => server.remove())
  let names = 0
  const place = async (): Promise<Place> => {
    const name = `queue-${names++}`
    return { open: () => openQueue(server.url, { name }), remove: async () => undefined }
  }
  await contract(t, place, { hasPriorities: false, tellsAll: false, isFaulty: false })
})
