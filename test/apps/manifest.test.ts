import { generateKeyPairSync, sign } from 'node:crypto'
import t from 'tap'
import { deployKeys } from './fixtures/keys.js'
import { type Manifest, manifestHash, signManifest, Trust } from '../../lib/apps/manifest.js'

const mine = deployKeys()
const other = deployKeys()
const manifest: Manifest = {
  app: 'zoo', version: 3, cluster: 'blue', sha256: 'ab'.repeat(32), bytes: 10, unpackedBytes: 20, files: 1,
  expires: 1_000,
}

t.test('what a pinned key has signed is taken', async t => {
  const trust = new Trust([other.publicKey, mine.publicKey], 'blue')
  const signed = signManifest(manifest, mine.privateKey)
  t.strictSame(trust.check(signed, 1_000), manifest)
  t.match(manifestHash(signed), /^[0-9a-f]{64}$/)
})

t.test('everything else is refused', async t => {
  const trust = new Trust([mine.publicKey], 'blue')
  const signed = signManifest(manifest, mine.privateKey)
  const refused = (value: unknown, message: RegExp, by = trust) => {
    t.throws(() => by.check(value, 0), { code: 'ERR_DENIED', message })
  }
  refused(signManifest(manifest, other.privateKey), /not signed by a deploy key/)
  refused({ ...signed, text: signed.text.replace('"version":3', '"version":4') }, /not signed/)
  refused({ ...signed, text: `${signed.text} ` }, /not signed/)
  refused({ ...signed, signature: '' }, /not signed/)
  const plain = sign(null, Buffer.from(signed.text), mine.privateKey).toString('base64')
  refused({ ...signed, signature: plain }, /not signed/)
  refused(signed, /takes no code/, new Trust([], 'blue'))
  refused(signed, /for cluster "blue", not "green"/, new Trust([mine.publicKey], 'green'))
  t.throws(() => trust.check(signed, 1_001), { code: 'ERR_DENIED', message: /expired/ })
  const none = [undefined, null, 1, {}, { text: 1, signature: 'x' }, { text: 'x'.repeat(5_000), signature: 'x' }]
  for (const value of none) refused(value, /no signed manifest/)
  const wrong: [keyof Manifest, unknown][] = [
    ['app', '../x'], ['app', '.x'], ['app', 1], ['version', 0], ['version', 1.5], ['version', '3'], ['cluster', ''],
    ['sha256', 'AB'.repeat(32)], ['bytes', 2 ** 40], ['unpackedBytes', -1], ['files', 1e9], ['expires', 'never'],
  ]
  for (const [name, value] of wrong) {
    refused(signManifest({ ...manifest, [name]: value }, mine.privateKey), new RegExp(`manifest's ${name} is`))
  }
})

t.test('only an Ed25519 key is a deploy key, and a wrong one is not repeated', async t => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 1_024, publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  t.throws(() => new Trust([publicKey], 'x'), { code: 'ERR_OPTION' })
  t.throws(() => signManifest(manifest, privateKey), { code: 'ERR_OPTION' })
  t.throws(() => signManifest(manifest, 'my secret'), { code: 'ERR_OPTION', message: /^((?!secret).)*$/ })
})
