import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkKeys } from '../../lib/options.js'
import { Script } from '../fixtures/script.js'

async function keygen(t: Test, ...args: string[]) {
  const script = new Script(t, 'lib/cli/main.ts', ['keygen', ...args])
  return { code: await script.ended, stdout: script.stdout, stderr: script.stderr }
}

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'telepathine-keygen-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

t.jobs = 2

t.test('a network key is one line that is good as one, and never the same', async (t) => {
  const [one, two] = [await keygen(t), await keygen(t, '--json')]
  t.match(one, { code: 0, stderr: '', stdout: /^[\w-]{43}\n$/ })
  const { networkKey } = JSON.parse(two.stdout) as { networkKey: string }
  t.strictSame(checkKeys(networkKey), [networkKey])
  t.not(networkKey, one.stdout.trim())
})

t.test('it goes to a file that nobody else reads, and never over another', async (t) => {
  const file = join(folder(t), 'network.key')
  t.match(await keygen(t, '--out', file), { code: 0, stdout: '', stderr: '' })
  const key = readFileSync(file, 'utf8')
  t.match(key, /^[\w-]{43}\n$/)
  t.equal(statSync(file).mode & 0o077, 0)
  t.match(await keygen(t, '--out', file), { code: 1, stdout: '', stderr: /^telepathine: EEXIST[^\n]*\n$/ })
  t.equal(readFileSync(file, 'utf8'), key)
})

t.test('deploy keys are a pair', async (t) => {
  const fits = (privateKey: string, publicKey: string): boolean => {
    const signature = sign(null, Buffer.from('app'), createPrivateKey(privateKey))
    return verify(null, Buffer.from('app'), createPublicKey(publicKey), signature)
  }
  const printed = JSON.parse((await keygen(t, '--deploy', '--json')).stdout) as Record<string, string>
  t.ok(fits(printed['privateKey'] ?? '', printed['publicKey'] ?? ''))
  const file = join(folder(t), 'deploy.key')
  t.match(await keygen(t, '--deploy', '--out', file), { code: 0, stdout: '' })
  t.ok(fits(readFileSync(file, 'utf8'), readFileSync(`${file}.pub`, 'utf8')))
  t.equal(statSync(file).mode & 0o077, 0)
})
