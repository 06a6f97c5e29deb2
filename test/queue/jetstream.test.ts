import t from 'tap'
import { openQueue } from '../../lib/work/index.js'
import { contract } from './fixtures/contract.js'
import { missing, nats } from './fixtures/servers.js'
import type { Place } from './fixtures/workshop.js'

t.setTimeout(300_000)

const skip = missing('nats-server') ?? false

t.test('durable work on JetStream', { skip }, async (t) => {
  const server = await nats()
  t.teardown(() => server.remove())
  let names = 0
  const place = async (): Promise<Place> => {
    const name = `queue-${names++}`
    return { open: () => openQueue(server.url, { name }), remove: async () => undefined }
  }
  await contract(t, place, { hasPriorities: false, tellsAll: false, isFaulty: false })
})
