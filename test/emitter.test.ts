import t from 'tap'
import { Emitter } from '../lib/emitter.js'

/** Opens what only the peer may do. */
class Speaker extends Emitter {
  say(name: string, ...values: unknown[]): boolean {
    return this.announce(name, ...values)
  }

  sayIn(family: string, name: string, ...values: unknown[]): boolean {
    return this.announceIn(family, name, ...values)
  }

  wanted(family: string): boolean {
    return this.isWanted(family)
  }
}

const hostile = [
  '*', '**', '__proto__', 'constructor', 'toString', '_listeners', 'a::b', ':', '::', '\0', '*:**', 'a:*',
]

t.test('each hostile name is heard once by each pattern that fits, and sets off nothing else', async (t) => {
  for (const name of hostile) {
    const emitter = new Speaker()
    const heard: string[] = []
    const depth = name.split(':').length
    emitter.on('set:other', () => heard.push('other'))
    emitter.on('set:b', () => heard.push('other'))
    emitter.on('delete', () => heard.push('other'))
    emitter.on(`set:${Array.from({ length: depth }, () => '*').join(':')}`, () => heard.push('stars'))
    emitter.on('set:**', () => heard.push('set:**'))
    emitter.on('**', () => heard.push('**'))
    emitter.sayIn('set', name)
    t.strictSame(heard.sort(), ['**', 'set:**', 'stars'], JSON.stringify(name))
  }
})

t.test('hostile names can be listened to exactly, and pollute nothing', async (t) => {
  for (const name of ['__proto__', 'constructor', 'toString', '_listeners', 'a::b', ':']) {
    const emitter = new Speaker()
    const heard: string[] = []
    const listener = function (this: Emitter, value: unknown): void {
      heard.push(`${this.event} ${String(value)}`)
    }
    emitter.on(`set:${name}`, listener)
    emitter.once(`set:${name}`, listener)
    t.equal(emitter.listenerCount(`set:${name}`), 2)
    emitter.sayIn('set', name, 1)
    emitter.sayIn('set', name, 2)
    t.strictSame(heard, [`set:${name} 1`, `set:${name} 1`, `set:${name} 2`])
    t.ok(emitter.emit(`set:${name}`, 3), 'users may emit it too')
    emitter.off(`set:${name}`, listener)
    t.notOk(emitter.sayIn('set', name, 4))
    t.equal(heard.length, 4)
  }
  t.strictSame(Object.keys(Object.prototype), [])
  t.notOk('_listeners' in {})
  t.notOk('_listeners' in Object)
})

t.test('a handler that throws or rejects stops no other; its error goes to error', async (t) => {
  const emitter = new Speaker()
  const errors: unknown[] = []
  const heard: number[] = []
  emitter.on('error', (error) => errors.push(error))
  emitter.on('set', () => {
    throw new Error('thrown')
  })
  emitter.on('set', async () => Promise.reject(new Error('rejected')))
  emitter.on('set', () => {
    throw 'text'
  })
  emitter.on('set', (value: number) => heard.push(value))
  t.ok(emitter.say('set', 1))
  await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(heard, [1])
  t.strictSame(errors.map((error) => (error as Error).message).sort(), ['rejected', 'text', 'thrown'])
})

t.test('errors without a listener, and in a listener of error, crash nothing', async (t) => {
  const emitter = new Speaker()
  emitter.on('set', () => {
    throw new Error('nobody cares')
  })
  t.ok(emitter.say('set'))
  let calls = 0
  emitter.on('error', async () => {
    calls++
    throw new Error('again')
  })
  emitter.say('set')
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(calls, 1)
})

t.test('what is wanted follows every way of coming and going', async (t) => {
  const emitter = new Speaker()
  const listener = (): void => undefined
  const is = (wanted: boolean): void => void t.equal(emitter.wanted('set'), wanted)
  is(false)
  emitter.on('say:x', listener)
  is(false)
  emitter.on('set:x', listener)
  is(true)
  emitter.off('set:x', listener)
  is(false)
  emitter.onAny(listener)
  is(true)
  emitter.offAny(listener)
  is(false)
  emitter.prependListener('*:x', listener)
  is(true)
  emitter.removeListener('*:x', listener)
  is(false)
  emitter.many('set:y', 2, listener)
  emitter.sayIn('set', 'y')
  is(true)
  emitter.sayIn('set', 'y')
  is(false)
  const waiting = emitter.waitFor('set:z')
  is(true)
  emitter.sayIn('set', 'z', 5)
  t.strictSame(await waiting, [5])
  is(false)
  emitter.on('**', listener)
  emitter.removeAllListeners()
  is(false)
})

t.test('listeners of everything get the name first', async (t) => {
  const emitter = new Speaker()
  const heard: unknown[][] = []
  emitter.onAny((...values: unknown[]) => heard.push(values))
  emitter.say('set', 1)
  emitter.sayIn('set', '*', 2)
  t.strictSame(heard, [['set', 1], ['set:*', 2]])
})

t.test('who listens while a name is announced hears the next one', async (t) => {
  const emitter = new Speaker()
  const heard: string[] = []
  emitter.once('start', () => {
    emitter.on('start', () => heard.push('late'))
    heard.push('first')
  })
  emitter.say('start')
  emitter.say('start')
  t.strictSame(heard, ['first', 'late'])
})
