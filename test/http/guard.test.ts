import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { Refusal } from '../../lib/http/errors.js'
import { Guard, type GuardOptions } from '../../lib/http/guard.js'

const local: GuardOptions = { token: undefined, private: false, hosts: ['peer.example'], isLocal: true }
const reading = { writes: false }
const writing = { writes: true }

function asking(headers: Readonly<Record<string, string>>, localAddress = '127.0.0.1'): IncomingMessage {
  return { headers, socket: { localAddress } } as unknown as IncomingMessage
}

function refusalOf(check: () => void): Refusal | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

t.test('a request must be addressed to this peer', async t => {
  const guard = new Guard(local)
  const own = [
    'localhost:80', 'LOCALHOST', '127.0.0.1:9000', '127.1.2.3', '[::1]:9000', 'peer.example:1', 'Peer.Example',
    '10.0.0.5',
  ]
  for (const host of own) t.doesNotThrow(() => guard.checkSource(asking({ host }, '10.0.0.5')), host)
  const foreign = [
    'evil.example', 'evil.example:9000', '10.0.0.6', 'localhost.evil.example', 'peer.example.evil', '', 'a b', '[::1',
    '127.0.0.1@evil.example',
  ]
  for (const host of foreign) {
    t.match(refusalOf(() => guard.checkSource(asking({ host }, '10.0.0.5'))), { status: 403, code: 'ERR_DENIED' }, host)
  }
  t.match(refusalOf(() => guard.checkSource(asking({}))), { status: 403 }, 'no host at all')
  t.doesNotThrow(() => guard.checkSource(asking({ host: '10.0.0.5' }, '::ffff:10.0.0.5')))
})

t.test('a request must not come from a foreign page', async t => {
  const guard = new Guard(local)
  const host = 'localhost:9000'
  for (const origin of ['http://localhost:9000', 'https://localhost:9000']) {
    t.doesNotThrow(() => guard.checkSource(asking({ host, origin })), origin)
  }
  for (const origin of ['http://evil.example', 'http://localhost', 'http://localhost:9001', 'null', '']) {
    t.match(refusalOf(() => guard.checkSource(asking({ host, origin }))), { status: 403 }, origin)
  }
})

t.test('on loopback without a token all is open', async t => {
  const guard = new Guard(local)
  for (const route of [reading, writing]) t.doesNotThrow(() => guard.checkRight(asking({}), route))
})

t.test('reached from elsewhere without a token, a peer can be read only', async t => {
  const guard = new Guard({ ...local, isLocal: false })
  t.doesNotThrow(() => guard.checkRight(asking({}), reading))
  const refused = { status: 401, headers: { 'www-authenticate': 'Bearer' } }
  for (const authorization of ['', 'Bearer undefined', 'Bearer x']) {
    t.match(refusalOf(() => guard.checkRight(asking({ authorization }), writing)), refused)
  }
})

t.test('with a token, changing takes it, and reading if the peer is private', async t => {
  for (const isLocal of [true, false]) {
    const guard = new Guard({ ...local, token: 'a long secret'.replaceAll(' ', '-'), isLocal })
    const authorization = 'Bearer a-long-secret'
    t.doesNotThrow(() => guard.checkRight(asking({}), reading))
    t.doesNotThrow(() => guard.checkRight(asking({ authorization }), writing))
    for (const wrong of ['Bearer a-long-secre', 'Bearer a-long-secrett', 'Basic a-long-secret', 'a-long-secret', '']) {
      t.match(refusalOf(() => guard.checkRight(asking({ authorization: wrong }), writing)), { status: 401 }, wrong)
    }
  }
  const guard = new Guard({ ...local, token: 'long-secret', private: true })
  t.match(refusalOf(() => guard.checkRight(asking({}), reading)), { status: 401 })
  t.doesNotThrow(() => guard.checkRight(asking({}), { writes: false, open: true }))
  t.doesNotThrow(() => guard.checkRight(asking({ authorization: 'bearer long-secret' }), reading))
})
