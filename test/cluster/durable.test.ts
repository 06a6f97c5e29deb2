import t, { type Test } from 'tap'
import { chaos } from '../queue/fixtures/chaos.js'
import { missing } from '../queue/fixtures/servers.js'

t.setTimeout(300_000)

/** Kills while there is work, and looks for what was lost, or done again for no reason. */
async function survives(t: Test, engine: 'file' | 'nats' | 'amqp'): Promise<void> {
  const { jobs, killed, done, lost, unexplained } = await chaos(engine, 300, 400)
  t.ok(done >= jobs, `${done} stored jobs of ${jobs} have their outcome`)
  t.strictSame(lost, [], 'none is lost')
  t.strictSame(unexplained, [], 'none was begun again that nobody had died at')
  t.comment(`killed: ${JSON.stringify(killed)}`)
}

t.test('embedded: workers and enqueuers are killed, and no job is lost', (t) => survives(t, 'file'))

t.test('JetStream: so is the server', { skip: missing('nats-server') ?? false }, (t) => survives(t, 'nats'))

t.test('RabbitMQ: so is the server', { skip: missing('rabbitmq-server') ?? false }, (t) => survives(t, 'amqp'))
