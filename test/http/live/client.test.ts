import { EventEmitter } from 'node:events'
import t from 'tap'
import type { WebSocket } from 'ws'
import { Client } from '../../../lib/http/live/client.js'
import { LiveClose, type LiveMessage, type LiveSnapshot } from '../../../lib/http/live/protocol.js'
import { Happenings } from '../../../lib/http/live/stream.js'
import type { Telepathine } from '../../../lib/telepathine.js'
import { topicView } from './fixtures/view.js'

/** A socket that sends nowhere, and holds as much unsent as it is told to. */
class FakeSocket extends EventEmitter {
  bufferedAmount = 0
  readonly sent: LiveMessage[] = []
  readonly closed: (number | 'terminated')[] = []
  pings = 0

  send(text: string): void {
    this.sent.push(JSON.parse(text) as LiveMessage)
  }

  close(code: number): void {
    this.closed.push(code)
  }

  terminate(): void {
    this.closed.push('terminated')
    this.emit('close')
  }

  ping(): void {
    this.pings++
  }

  says(request: object): void {
    this.emit('message', Buffer.from(JSON.stringify(request)), false)
  }
}

/** Nothing is said or set. */
const silent = { hear: () => () => undefined, know: () => () => undefined }

/** A client, whose time is set by hand. */
function clientFor() {
  const socket = new FakeSocket()
  const view = topicView()
  const gone: Client[] = []
  const client = new Client(socket as unknown as WebSocket, {
    view: view.face,
    happenings: new Happenings(Object.assign(new EventEmitter(), silent) as unknown as Telepathine, view.face),
    check: () => true,
    ready: () => undefined,
    gone: who => void gone.push(who),
  })
  const snapshot = (mayWrite: boolean) => ({ type: 'snapshot', self: { mayWrite } }) as unknown as LiveSnapshot
  const update = (at: number) => client.update({ missed: at }, at, snapshot)
  return { socket, client, view, gone, update }
}

const hello = { type: 'hello', version: 1 }

t.test('a client gets a snapshot first, then what is new', async t => {
  const { socket, update } = clientFor()
  update(1)
  t.strictSame(socket.sent, [], 'nothing before it said hello')
  socket.says(hello)
  update(2)
  update(3)
  t.match(socket.sent, [{ type: 'snapshot', self: { mayWrite: true } }, { type: 'delta', at: 3, missed: 3 }])
  t.equal(socket.sent.length, 2)
})

t.test('who does not keep up gets nothing more, then a snapshot in place of what it missed', async t => {
  const { socket, update } = clientFor()
  socket.says(hello)
  update(1)
  socket.bufferedAmount = 2 << 20
  update(2)
  update(3)
  t.equal(socket.sent.length, 1)
  socket.bufferedAmount = 0
  update(4)
  update(5)
  t.strictSame(socket.sent.map(({ type }) => type), ['snapshot', 'snapshot', 'delta'])
})

t.test('who stays behind is closed, and not waited for', async t => {
  const { socket, view, update, gone } = clientFor()
  socket.says(hello)
  socket.bufferedAmount = 2 << 20
  update(1)
  view.pass(29_000)
  update(2)
  t.strictSame(socket.closed, [])
  view.pass(2_000)
  update(3)
  t.strictSame(socket.closed, [LiveClose.slow, 'terminated'])
  t.equal(gone.length, 1)
})

t.test('who says nothing is closed', async t => {
  const { socket, view } = clientFor()
  view.pass(10_000)
  t.strictSame(socket.closed, [LiveClose.timeout])
  const polite = clientFor()
  polite.socket.says(hello)
  polite.view.pass(60_000)
  t.strictSame(polite.socket.closed, [])
})

t.test('who does not answer is gone', async t => {
  const { socket, client } = clientFor()
  t.equal(client.probe(), true)
  socket.emit('pong')
  t.equal(client.probe(), true)
  t.equal(client.probe(), false)
  t.strictSame([socket.pings, socket.closed], [2, ['terminated']])
})

t.test('what makes no sense is refused', async t => {
  const keys = (value: unknown) => ({ type: 'want', want: { keys: value } })
  const stream = (value: unknown) => ({ type: 'want', want: { stream: value } })
  const nonsense = [
    {}, { type: 'x' }, { type: 'want' }, { type: 'want', want: 1 }, hello, keys(1), keys({ text: 1 }),
    keys({ peer: {} }), keys({ text: 'x'.repeat(2_000) }), stream('x'), stream({ kinds: 'say' }),
    stream({ kinds: ['say', 'nothing'] }),
  ]
  for (const said of nonsense) {
    const { socket } = clientFor()
    socket.says(hello)
    socket.says(said)
    t.strictSame(socket.closed, [LiveClose.badRequest], JSON.stringify(said).slice(0, 60))
  }
  for (const raw of ['', '{', 'null', '[]', '1']) {
    const { socket } = clientFor()
    socket.emit('message', Buffer.from(raw), false)
    t.strictSame(socket.closed, [LiveClose.badRequest], raw)
  }
  const { socket, update } = clientFor()
  socket.emit('message', Buffer.from(JSON.stringify(hello)), true)
  t.strictSame(socket.closed, [LiveClose.badRequest], 'binary')
  socket.says(hello)
  update(1)
  t.strictSame([socket.sent, socket.closed.length], [[], 1], 'who was told to go is not heard any more')
  const well = clientFor()
  well.socket.says(hello)
  for (const said of [keys(null), keys({}), stream({ kinds: [] }), stream(null)]) well.socket.says(said)
  t.strictSame(well.socket.closed, [])
})
