import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as later } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { defaultLimits, type SocketLimits } from '../../lib/net/limits.js'
import { Reception } from '../../lib/net/reception.js'
import { preamble } from '../../lib/net/sniff.js'

interface Desk {
  readonly reception: Reception
  readonly log: string[]
  /** Connects, says something, and waits for the other side to close. */
  readonly visit: (says: string | Uint8Array, ...more: (string | Uint8Array)[]) => Promise<Socket>
}

async function desk(t: Test, limits: Partial<SocketLimits>, http: boolean): Promise<Desk> {
  const log: string[] = []
  const finish = (what: string) => (socket: Socket) => {
    socket.on('data', (bytes: Buffer) => {
      log.push(`${what} ${bytes.toString('latin1')}`)
      socket.end()
    })
    socket.resume()
  }
  const reception = new Reception({ ...defaultLimits, ...limits }, undefined, {
    peer: (socket, settle) => {
      settle()
      finish('peer')(socket)
    },
    http: http
      ? (socket, head) => {
          log.push(`http ${Buffer.from(head).toString('latin1')}`)
          finish('body')(socket)
        }
      : undefined,
    rejected: (_from, reason) => log.push(reason),
  })
  const server = createServer((socket) => reception.accept(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    reception.close(true)
    server.close()
  })
  const { port } = server.address() as { port: number }
  const visit: Desk['visit'] = async (...says) => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    t.teardown(() => socket.destroy())
    socket.resume()
    await once(socket, 'connect')
    for (const each of says) {
      socket.write(each)
      await later(5)
    }
    return socket
  }
  return { reception, log, visit }
}

async function gone(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close')
}

t.test('a peer reads all that was said, in whatever pieces it came', async (t) => {
  const { log, visit } = await desk(t, {}, false)
  const said = Buffer.concat([preamble, Buffer.from('hello')])
  await gone(await visit(said))
  t.equal(log[0], `peer ${said.toString('latin1')}`)
  await gone(await visit(said.subarray(0, 1), said.subarray(1, 7), said.subarray(7)))
  t.equal(log[1], `peer ${said.toString('latin1')}`)
})

t.test('what speaks HTTP is handed on with what it said, and the rest of it follows', async (t) => {
  const { log, visit } = await desk(t, {}, true)
  await gone(await visit('GE', 'T / HTTP/1.1\r\n', '\r\n'))
  t.strictSame(log, ['http GET / HTTP/1.1\r\n', 'body \r\n'])
})

t.test('what else there is, is turned away: HTTP if nobody wants it, TLS, noise, half a word', async (t) => {
  const { log, visit } = await desk(t, { helloMs: 50 }, false)
  for (const says of ['GET / HTTP/1.1\r\n', Uint8Array.of(0x16, 3, 1, 0), 'SSH-2.0', 'PO']) {
    await gone(await visit(says))
  }
  t.strictSame(log, ['speaks HTTP', 'speaks TLS, and no key is set here', 'not a peer', 'no hello within 50 ms'])
})

t.test('who says nothing is closed without a word, and puts nobody else out for longer than it must', async (t) => {
  const { log, visit } = await desk(t, { helloMs: 100, strangersMax: 3 }, false)
  const silent = await Promise.all([1, 2, 3, 4, 5, 6].map(() => visit(new Uint8Array(0))))
  await gone(await visit(preamble))
  t.equal(log.at(-1), `peer ${Buffer.from(preamble).toString('latin1')}`)
  t.equal(log.filter((line) => line.startsWith('slow')).length, 4)
  await Promise.all(silent.map(gone))
  t.equal(log.length, 5)
})

t.test('closing closes who has not shown what it speaks, then who speaks HTTP', async (t) => {
  const { reception, visit } = await desk(t, {}, true)
  const silent = await visit('GE')
  const guest = await visit('GET / HTTP/1.1\r\n')
  reception.close()
  await gone(silent)
  t.notOk(guest.closed)
  reception.close(true)
  await gone(guest)
})
