import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'

/** A network key has 256 bits, in characters that need no quotes anywhere. */
const keyBytes = 32

interface Options {
  readonly deploy?: boolean
  readonly json?: boolean
  readonly out?: string
}

/** Adds the command `keygen`: a network key, or the pair of keys for deploying apps. */
export function keygen(program: Command): void {
  program
    .command('keygen')
    .description('make a network key, or a deploy key pair')
    .option('--deploy', 'a pair of keys: peers get the public one, who deploys signs with the private one')
    .option('--out <file>', 'write to a new file that only you can read; with --deploy, the public key to <file>.pub')
    .option('--json', 'print an object')
    .action((options: Options) => {
      const keys: Readonly<Record<string, string>> = options.deploy ? deployKeys() : { networkKey: networkKey() }
      const { networkKey: secret = keys['privateKey'] ?? '', publicKey } = keys
      const text = (key: string): string => (key.endsWith('\n') ? key : `${key}\n`)
      if (options.out !== undefined) {
        writeFileSync(options.out, text(secret), { mode: 0o600, flag: 'wx' })
        if (publicKey !== undefined) writeFileSync(`${options.out}.pub`, text(publicKey), { flag: 'wx' })
        return
      }
      process.stdout.write(options.json ? `${JSON.stringify(keys)}\n` : text(secret) + (publicKey ?? ''))
    })
}

function networkKey(): string {
  return randomBytes(keyBytes).toString('base64url')
}

function deployKeys(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}
