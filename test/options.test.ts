import { inspect } from 'node:util'
import t from 'tap'
import { defaultConfig } from '../lib/gossip/config.js'
import { Certificates } from '../lib/net/certificates.js'
import { Keyring } from '../lib/net/keyring.js'
import { sealBytes } from '../lib/net/seal.js'
import { checkOptions, type TelepathineOptions } from '../lib/options.js'
import { stampBytes } from '../lib/stamps.js'
import { decodeValue } from '../lib/values.js'
import { certificatesOf } from './fixtures/tls.js'

const nothing = (): void => undefined
/** A transport that knows no security. */
const someTransport = { open: nothing, sendDatagram: nothing, sendFrame: nothing, close: nothing }

t.test('without options the protocol runs on its defaults, on loopback', async (t) => {
  const settings = checkOptions()
  t.strictSame({ ...settings.gossip }, { ...defaultConfig, maxValueBytes: defaultConfig.maxValueBytes + stampBytes })
  t.match(settings, { address: '127.0.0.1', bind: '127.0.0.1', addressMap: {}, emitValueOnHeartBeat: false })
  t.throws(() => Object.assign(settings, { address: 'x' }), TypeError, 'frozen')
  t.throws(() => Object.assign(settings.gossip, { udp: false }), TypeError, 'frozen')
})

t.test('options reach the protocol', async (t) => {
  const { gossip } = checkOptions({
    cluster: 'blue', udp: false, gossipIntervalMS: 100, heartbeatIntervalMS: 200, phi: 5, forgetAfterMS: 5_000,
    metadata: { role: 'x' }, maxKeyBytes: 64, maxValueBytes: 1_000,
    maxPeers: 7, maxStateBytes: 1 << 20, maxEventBytes: 1 << 21,
  })
  t.match(gossip, {
    cluster: 'blue', udp: false, gossipIntervalMs: 100, heartbeatIntervalMs: 200, phiThreshold: 5, forgetAfterMs: 5_000,
    maxKeyBytes: 64, maxValueBytes: 1_000 + stampBytes, maxPeers: 7, maxStateBytes: 1 << 20, maxEventBytes: 1 << 21,
  })
  t.strictSame(decodeValue(gossip.metadata), { role: 'x' })
})

t.test('the detector follows the heartbeat interval unless told otherwise', async (t) => {
  t.match(checkOptions({ heartbeatIntervalMS: 1_000 }).gossip, {
    acceptablePauseMs: 1_500, minDeviationMs: 250, suspicionMinMs: 800, suspicionMaxMs: 5_000,
  })
  t.match(checkOptions({ phi: { threshold: 9, acceptablePauseMS: 10, minDeviationMS: 20 } }).gossip, {
    phiThreshold: 9, acceptablePauseMs: 10, minDeviationMs: 20,
  })
})

t.test('presets are where to start from, single options go before them', async (t) => {
  const wan = checkOptions({ preset: 'wan', heartbeatIntervalMS: 2_000 }).gossip
  t.match(wan, { gossipIntervalMs: 2_000, heartbeatIntervalMs: 2_000, acceptablePauseMs: 3_000 })
  t.match(checkOptions({ preset: 'local' }).gossip, { heartbeatIntervalMs: 250 })
  t.strictSame(checkOptions({ preset: 'lan' }), checkOptions({}))
})

t.test('a frame always has room for a key and a value', async (t) => {
  const large = checkOptions({ maxValueBytes: 100 << 20 }).gossip
  t.ok(large.maxFrameBytes > large.maxValueBytes + large.maxKeyBytes)
  const small = checkOptions({ maxFrameBytes: 1 << 20 }).gossip
  t.ok(small.maxFrameBytes > small.maxValueBytes + small.maxKeyBytes)
  t.throws(() => checkOptions({ maxFrameBytes: 1 << 20, maxValueBytes: 1 << 20 }), {
    code: 'ERR_OPTION', message: /maxValueBytes: 1048576 given, allowed: a number in 16\.\./,
  })
})

t.test('an unknown option is refused, and the nearest known one named', async (t) => {
  const wrong: [object, RegExp][] = [
    [{ gossipInterval: 1 }, /unknown option gossipInterval: the nearest known is gossipIntervalMS/],
    [{ heartbeatIntervalMs: 1 }, /the nearest known is heartbeatIntervalMS/],
    [{ phi: { treshold: 1 } }, /unknown option phi\.treshold: the nearest known is phi\.threshold/],
  ]
  for (const [options, message] of wrong) t.throws(() => checkOptions(options), { code: 'ERR_OPTION', message })
})

t.test('a value of the wrong type or out of range is refused, named, and what is allowed is said', async (t) => {
  const wrong: [unknown, RegExp][] = [
    [{ gossipIntervalMS: 0 }, /gossipIntervalMS: 0 given, allowed: a number in 20\.\.600000/],
    [{ heartbeatIntervalMS: '500' }, /heartbeatIntervalMS: "500" given/],
    [{ maxPeers: 1.5 }, /maxPeers: 1\.5 given, allowed: a whole number/],
    [{ phi: NaN }, /phi\.threshold: NaN given/],
    [{ phi: 'high' }, /phi: "high" given, allowed: an object/],
    [{ udp: 1 }, /udp: 1 given, allowed: true or false/],
    [{ cluster: '' }, /cluster: "" given, allowed: a string of 1 to 255/],
    [{ preset: 'moon' }, /preset: "moon" given, allowed: local, lan, wan/],
    [{ address: '0.0.0.0' }, /address: "0\.0\.0\.0" given, allowed: one that others can reach/],
    [{ addressMap: { a: 1 } }, /addressMap: an object given/],
    [{ clock: {} }, /clock: an object given, allowed: an object with the methods now, wall, after, soon/],
    [{ random: null }, /random: null given/],
    [{ transport: {} }, /transport/],
    [null, /options: null given, allowed: an object/],
    [[], /options: an array given/],
  ]
  for (const [options, message] of wrong) {
    t.throws(() => checkOptions(options as TelepathineOptions), { code: 'ERR_OPTION', message })
  }
  t.throws(() => checkOptions({ address: '1.2.3.4.5' }), { code: 'ERR_ADDRESS' })
  t.throws(() => checkOptions({ addressMap: { 'a b': 'c' } }), { code: 'ERR_ADDRESS' })
  t.throws(() => checkOptions({ metadata: () => 1 }), { code: 'ERR_VALUE' })
  t.throws(() => checkOptions({ metadata: 'x'.repeat(2_000) }), { code: 'ERR_TOO_LARGE' })
})

t.test('a network key seals, and leaves less of a datagram', async (t) => {
  const { security, gossip } = checkOptions({ network: ['sixteen letters!', 'the one before it'] })
  t.type(security, Keyring)
  t.equal(gossip.maxDatagramBytes, defaultConfig.maxDatagramBytes - sealBytes)
  t.equal(gossip.udp, true)
})

t.test('certificates need connections', async (t) => {
  const { security, gossip } = checkOptions({ tls: certificatesOf('one') })
  t.type(security, Certificates)
  t.match(gossip, { udp: false, identified: true })
  t.type(checkOptions({ tls: certificatesOf('one'), address: '::1' }).security, Certificates)
})

t.test('keys and certificates that make no sense are refused, and never shown', async (t) => {
  const one = certificatesOf('one')
  const wrong: [unknown, RegExp][] = [
    [{ network: 'Tr0ub4dor&3' }, /network: a key of 11 characters given, allowed: a string of 16 characters or more/],
    [{ network: [] }, /network: a list of 0 given/],
    [{ network: Array.from({ length: 9 }, (_, i) => `Tr0ub4dor&3 number ${i}`) }, /a list of 9/],
    [{ network: ['Tr0ub4dor&3 is long enough', 7] }, /network: a number given/],
    [{ network: null }, /network: null given/],
    [{ network: 'Tr0ub4dor&3 is long enough', tls: one }, /network and tls: both given/],
    [{ network: 'Tr0ub4dor&3 is long enough', transport: someTransport }, /not for the transport given/],
    [{ tls: one.key }, /tls: a string given, allowed: an object with cert, key, ca/],
    [{ tls: {} }, /tls\.cert: allowed: a PEM text/],
    [{ tls: { ...one, ca: 3 } }, /tls\.ca: allowed: a PEM text/],
    [{ tls: { ...one, pfx: 'x' } }, /unknown option tls\.pfx/],
    [{ tls: { ...one, cert: 'Tr0ub4dor&3' } }, /option tls: /],
    [{ tls: { ...one, ca: 'Tr0ub4dor&3' } }, /option tls: /],
    [{ tls: { ...one, ca: one.cert } }, /option tls: ca is not the certificate of an authority/],
    [{ tls: { ...one, key: certificatesOf('two').key } }, /option tls: .*mismatch/],
    [{ tls: certificatesOf('two') }, /tls: cert is valid for IP Address:127\.0\.0\.2, DNS:two\.example, not for 127/],
  ]
  for (const [options, message] of wrong) {
    const error = t.throws(() => checkOptions(options as TelepathineOptions), { code: 'ERR_OPTION', message }) as Error
    t.notMatch(error.message, /Tr0ub4dor|PRIVATE/)
  }
  t.notMatch(inspect(checkOptions({ network: 'Tr0ub4dor&3 is long enough' }), { depth: 9 }), /Tr0ub/)
  t.notMatch(inspect(checkOptions({ tls: one }), { depth: 9, showHidden: true }), /PRIVATE/)
})

t.test('binds to the address if this machine has it, and everywhere if not', async (t) => {
  t.equal(checkOptions({ address: '::1' }).bind, '::1')
  t.equal(checkOptions({ address: 'LOCALHOST' }).bind, 'localhost')
  t.equal(checkOptions({ address: '203.0.113.9' }).bind, '0.0.0.0')
  t.equal(checkOptions({ address: '2001:db8::9' }).bind, '::')
  t.equal(checkOptions({ address: '203.0.113.9', bind: '127.0.0.1' }).bind, '127.0.0.1')
})

t.test('HTTP is off unless asked for, and its options are checked', async (t) => {
  t.equal(checkOptions({}).http, undefined)
  t.equal(checkOptions({ http: false }).http, undefined)
  t.match(checkOptions({ address: '10.0.0.1', http: true }).http, { maxBodyBytes: 1 << 20, hosts: ['10.0.0.1'] })
  t.strictSame(checkOptions({ http: { hosts: ['Peer.Example'] } }).http?.hosts, ['127.0.0.1', 'peer.example'])
  const wrong: [unknown, RegExp][] = [
    [{ token: 'short' }, /http\.token: 5 characters given, allowed: 8 or more/],
    [{ token: 'with a space in it' }, /http\.token/],
    [{ maxBodyBytes: 1 }, /http\.maxBodyBytes: 1 given/],
    [{ tokn: 'x' }, /unknown option http\.tokn: the nearest known is http\.token/],
    ['yes', /option http: /],
  ]
  for (const [http, message] of wrong) {
    t.throws(() => checkOptions({ http } as TelepathineOptions), { code: 'ERR_OPTION', message })
  }
  t.throws(() => checkOptions({ http: { hosts: ['a b'] } }), { code: 'ERR_ADDRESS' })
})
