import { EventEmitter } from 'node:events'
import type { ReadStream, WriteStream } from 'node:tty'
import t from 'tap'
import { Terminal, type Key } from '../../../lib/cli/top/terminal.js'

/** A terminal that somebody else has. */
function streams() {
  const modes: boolean[] = []
  const input = Object.assign(new EventEmitter(), {
    isTTY: true, isPaused: true,
    setRawMode: (isRaw: boolean) => void modes.push(isRaw),
    resume: () => void (input.isPaused = false),
    pause: () => void (input.isPaused = true),
  })
  const output = Object.assign(new EventEmitter(), {
    columns: 20, rows: 5, takes: true, written: '',
    write: (text: string) => {
      output.written += text
      return output.takes
    },
  })
  return { input, output, modes }
}

function terminal(keys: Key[] = [], resized: () => void = () => undefined) {
  const { input, output, modes } = streams()
  const as = new Terminal(input as unknown as ReadStream, output as unknown as WriteStream, false, {
    key: (key) => void keys.push(key), resized,
  })
  return { input, output, modes, as }
}

t.test('the terminal is left as it was', async (t) => {
  const { input, output, modes, as } = terminal()
  const listeners = process.listenerCount('exit')
  as.open()
  as.show([[{ text: 'hello' }]])
  as.close()
  as.close()
  t.strictSame(modes, [true, false])
  const pairs = [['\u001b[?1049h', '\u001b[?1049l'], ['\u001b[?25l', '\u001b[?25h'], ['\u001b[?7l', '\u001b[?7h']]
  for (const [on = '', off = ''] of pairs) {
    t.ok(output.written.indexOf(on) < output.written.indexOf('hello'))
    t.ok(output.written.indexOf('hello') < output.written.indexOf(off))
    t.equal(output.written.split(off).length, 2, 'once')
  }
  t.equal(process.listenerCount('exit'), listeners)
  t.equal(input.listenerCount('data') + output.listenerCount('resize'), 0)
  t.equal(input.isPaused, true)
  const { length } = output.written
  as.show([[{ text: 'too late' }]])
  t.equal(output.written.length, length)
})

t.test('keys are understood, several at a time too; what is none is not', async (t) => {
  const keys: Key[] = []
  const { input, as } = terminal(keys)
  as.open()
  input.emit('data', Buffer.from('jk \u001b[B\u001bOA\u001b[6~x\u001b[1;5C漢q\u0003'))
  t.strictSame(keys, ['down', 'up', 'pause', 'down', 'up', 'pageDown', 'quit', 'quit'])
  as.close()
})

t.test('no more is drawn than there is room for, and the room may change', async (t) => {
  let resizes = 0
  const { output, as } = terminal([], () => void resizes++)
  as.open()
  const lines = Array.from({ length: 9 }, (_, i) => [{ text: `line ${i} ${'x'.repeat(50)}` }])
  output.written = ''
  as.show(lines)
  t.equal(output.written.split('\r\n').length, 5)
  t.notMatch(output.written, /x{20}/)
  output.emit('resize')
  t.equal(resizes, 1)
  as.close()
})

t.test('a slow terminal is shown the latest only', async (t) => {
  const { output, as } = terminal()
  as.open()
  output.takes = false
  for (const text of ['first', 'second', 'third']) as.show([[{ text }]])
  output.takes = true
  output.emit('drain')
  t.match(output.written, /first[^]*third/)
  t.notMatch(output.written, /second/)
  as.close()
})
