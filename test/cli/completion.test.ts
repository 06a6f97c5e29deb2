import { execFileSync, spawnSync } from 'node:child_process'
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
  t.strictSame(complete('peer', ':', '1', '--preset', 'l'), ['local', 'lan'])
  t.strictSame(complete('completion', ''), ['bash', 'zsh'])
  t.strictSame(complete('help', 'sta'), ['start'])
})

t.test('zsh gets a script with every command', { timeout: 60_000 }, async t => {
  const { code, stdout } = await telepathine(t, ['completion', 'zsh'])
  t.equal(code, 0)
  t.match(stdout, /^#compdef telepathine/)
  for (const command of ['peer', 'members', 'hear']) t.match(stdout, `'${command}':`)
  const complete = (...line: string[]): string => {
    const words = ['telepathine', ...line]
    const list = words.map(word => `'${word}'`).join(' ')
    const state = `words=(${list}); CURRENT=${words.length}; PREFIX='${line.at(-1)}'`
    const stubs = 'compdef() { : }; _files() { print files }; _describe() { print names }\n' +
      'compadd() { print -r -- "$@" }'
    return execFileSync('zsh', ['-fc', `${stubs}\n${stdout}\n${state}\n_telepathine`], { encoding: 'utf8' }).trim()
  }
  if (spawnSync('zsh', ['--version']).error) return
  t.equal(complete('mem'), 'names')
  t.equal(complete('--ver'), '-- --version --help')
  t.match(complete('get', ':1', '--p'), /^-- .*--peer/)
  t.equal(complete('peer', ':1', '--preset', ''), '-- local lan wan')
  t.equal(complete('set', ':1', 'key', ''), 'files')
})
