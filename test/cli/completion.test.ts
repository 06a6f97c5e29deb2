import { execFileSync } from 'node:child_process'
import t from 'tap'
import { telepathine } from './fixtures/run.js'

t.test('bash completes commands and options', { timeout: 60_000 }, async t => {
  const { code, stdout } = await telepathine(t, ['completion', 'bash'])
  t.equal(code, 0)
  const complete = (...words: string[]): string[] => {
    const script = `${stdout}\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n_telepathine\necho "\${COMPREPLY[@]}"`
    const args = ['-c', script, 'bash', 'telepathine', ...words]
    return execFileSync('bash', args, { encoding: 'utf8' }).trim().split(/\s+/)
  }
  t.strictSame(complete('mem'), ['members'])
  t.strictSame(complete('get', ':1', '--p'), ['--peer'])
  t.strictSame(complete('get', 'x'), [''])
})

t.test('zsh gets a script with every command', { timeout: 60_000 }, async t => {
  const { code, stdout } = await telepathine(t, ['completion', 'zsh'])
  t.equal(code, 0)
  t.match(stdout, /^#compdef telepathine/)
  for (const command of ['peer', 'members', 'hear']) t.match(stdout, `'${command}':`)
})
