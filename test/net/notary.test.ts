import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { hashBytes, saltBytes, signatureBytesMax } from '../../lib/gossip/notary.js'
import { Certificates } from '../../lib/net/certificates.js'
import { CertificateNotary } from '../../lib/net/notary.js'
import { certificatesOf } from '../fixtures/tls.js'

const pem = (file: string): string => readFileSync(join(import.meta.dirname, '../fixtures/tls/signers', file), 'utf8')
const of = (name: string): Certificates =>
  new Certificates({ cert: pem(`${name}.pem`), key: pem(`${name}.key`), ca: pem('root.pem') }, '127.0.0.1')
const believer = new CertificateNotary(of('ec'))
const name = '127.0.0.1:9000'
const now = Date.now()
const year = 365 * 24 * 3_600_000
const statement = Buffer.from('whatever')

for (const kind of ['ed25519', 'ec', 'rsa']) {
  t.test(`keys of the kind ${kind} sign`, async (t) => {
    const signer = new CertificateNotary(of(kind)).signer()
    const signature = signer.sign(statement)
    t.ok(signature.length <= signatureBytesMax)
    const verify = believer.trust(signer.certificate, name, now)
    t.equal(verify?.(statement, signature), true)
    t.equal(verify?.(Buffer.from('anything'), signature), false)
    t.equal(verify?.(statement, signature.slice(1)), false)
    t.equal(verify?.(statement, new Uint8Array(0)), false)
    const other = new CertificateNotary(of(kind === 'rsa' ? 'ec' : 'rsa')).signer()
    t.equal(verify?.(statement, other.sign(statement)), false)
  })
}

t.test('a certificate counts for the names that it is valid for, and lives that began in its time', async (t) => {
  const { certificate } = new CertificateNotary(of('ed25519')).signer()
  const counts = (who: string, since: number): boolean => believer.trust(certificate, who, since) !== undefined
  t.ok(counts('127.0.0.1:1', now))
  t.notOk(counts('127.0.0.2:9000', now))
  t.notOk(counts('localhost:9000', now))
  t.notOk(counts('127.0.0.1', now), 'no name of a peer')
  t.ok(counts(name, now + 99 * year))
  t.notOk(counts(name, now + 101 * year))
  t.notOk(counts(name, now - 50 * year))
})

t.test('who was not vouched for by an authority, or for another purpose, is not believed', async (t) => {
  const shown = (from: Certificates): Uint8Array => new CertificateNotary(from).signer().certificate
  const elsewhere = new Certificates(certificatesOf('one'), '127.0.0.1')
  t.equal(believer.trust(shown(elsewhere), name, now), undefined, 'another authority')
  t.equal(believer.trust(shown(of('upstart')), name, now), undefined, 'issued by one that is no authority')
  t.equal(believer.trust(shown(of('mail')), name, now), undefined, 'for mail')
  const chain = shown(of('ed25519'))
  const [alone] = [chain.subarray(0, 2 + Buffer.from(chain).readUInt16BE(0))]
  t.equal(believer.trust(alone, name, now), undefined, 'without the one in between')
  t.type(believer.trust(chain, name, now), 'function')
  for (let at = 0; at < 40; at++) {
    t.equal(believer.trust(chain.subarray(0, at), name, now), undefined)
    t.doesNotThrow(() => believer.trust(chain.map((byte, i) => (i === at ? byte ^ 0x55 : byte)), name, now))
  }
})

t.test('a life goes on with the key that it began with', async (t) => {
  const certificates = of('ec')
  const notary = new CertificateNotary(certificates)
  const before = notary.signer()
  certificates.replace({ cert: pem('rsa.pem'), key: pem('rsa.key'), ca: pem('root.pem') })
  t.equal(believer.trust(before.certificate, name, now)?.(statement, before.sign(statement)), true)
  const after = notary.signer()
  t.notSame(after.certificate, before.certificate)
  t.equal(believer.trust(after.certificate, name, now)?.(statement, after.sign(statement)), true)
  t.notMatch(inspect(notary, { depth: 9, showHidden: true }), /PRIVATE/)
})

t.test('hashes are of all bytes, in one piece or two; salts are never the same', async (t) => {
  for (const length of [0, 1, 100, 4_096, 5_000]) {
    const bytes = Buffer.alloc(length + 10, 'x')
    const whole = believer.hash(bytes, new Uint8Array(0))
    t.equal(whole.length, hashBytes)
    t.same(believer.hash(bytes.subarray(0, 7), bytes.subarray(7)), whole)
    t.notSame(believer.hash(bytes.subarray(0, 7), bytes.subarray(8)), whole)
  }
  t.equal(believer.salt().length, saltBytes)
  t.notSame(believer.salt(), believer.salt())
})
