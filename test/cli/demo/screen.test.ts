import t from 'tap'
import { Screen } from '../../../lib/cli/demo/screen.js'

function written(isTTY: boolean, env: NodeJS.ProcessEnv): string {
  let text = ''
  const screen = new Screen({ isTTY, write: (line: string | Uint8Array) => Boolean((text += String(line))) }, env)
  screen.step(1_234.5, 'kill', 'noticed')
  screen.step(2.34, 'set', 'known')
  screen.more('details')
  return text
}

t.test('writes a line for each step, the time first, in columns', async t => {
  t.equal(written(false, {}), [
    '  1,235 ms  kill      noticed',
    '    2.3 ms  set       known',
    '                      details',
    '',
  ].join('\n'))
})

t.test('has colours only on a terminal, and only if NO_COLOR is not set', async t => {
  t.match(written(true, {}), '\u001b[')
  t.match(written(true, { NO_COLOR: '' }), '\u001b[')
  t.notMatch(written(true, { NO_COLOR: '1' }), '\u001b[')
  t.notMatch(written(false, {}), '\u001b[')
})
