import t from 'tap'
import { checkLeftovers } from '../../../simulation/checks/leftovers.js'
import { VirtualTransport } from '../../../simulation/transport.js'
import { World } from '../../../simulation/world.js'

t.test('a timer, an open transport and a connection that are left are caught', async (t) => {
  const world = new World({ seed: 1 })
  const machine = world.addMachine()
  const clock = machine.boot()
  const transport = new VirtualTransport(machine, world.network)
  const found = (): string[] => {
    const reported: string[] = []
    checkLeftovers('a', clock, transport, (_, __, expected) => void reported.push(expected))
    return reported
  }
  t.strictSame(found(), [])
  const cancel = clock.after(1_000, () => {})
  t.strictSame(found(), ['no timer'])
  cancel()
  t.strictSame(found(), [])
  const handler = (): void => {}
  transport.openNow(
    { maxDatagramBytes: 1_400, maxFrameBytes: 1_400 },
    {
      datagram: handler,
      frame: handler,
      linkUp: handler,
      linkDown: handler,
      drained: handler,
      rejected: handler,
      error: handler,
    },
  )
  transport.sendFrame('10.0.0.9:9000', [new Uint8Array(1)])
  t.strictSame(found(), ['a closed transport', 'no connection'])
  await transport.close()
  t.strictSame(found(), [])
})
