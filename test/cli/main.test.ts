import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Script, top } from '../fixtures/script.js'

async function telepathine(t: Test, ...args: string[]) {
  const script = new Script(t, 'lib/cli/main.ts', args)
  return { code: await script.ended, stdout: script.stdout, stderr: script.stderr }
}

t.jobs = 2

t.test('without a command it prints usage that names every command', async t => {
  const { code, stdout, stderr } = await telepathine(t)
  t.match(stdout, /Usage: telepathine/)
  t.match(stdout, /^ {2}demo /m)
  t.equal(stderr, '')
  t.equal(code, 0)
})

t.test('help and version are no errors', async t => {
  for (const args of [['--help'], ['demo', '--help']]) {
    const { code, stdout } = await telepathine(t, ...args)
    t.match(stdout, /Usage: telepathine/)
    t.equal(code, 0)
  }
  const manifest = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as { version: string }
  t.match(await telepathine(t, '--version'), { code: 0, stdout: `${manifest.version}\n` })
})

for (const args of [['dmeo'], ['demo', '--stya'], ['demo', 'more'], ['--nonsense'], ['']]) {
  t.test(`wrong arguments are one line on stderr and exit code 2: ${JSON.stringify(args)}`, async t => {
    const { code, stdout, stderr } = await telepathine(t, ...args)
    t.equal(stdout, '')
    t.match(stderr, /^telepathine: [^\n]+\n$/)
    t.equal(code, 2)
  })
}
