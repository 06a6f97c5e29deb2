/** Servents over real sockets: the examples of the original's README in three processes, and one that is killed. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Telepathine } from '../../lib/index.js'
import { type Peer, Servent, type ServentOptions, type WorkerCallback } from '../../lib/servent/index.js'
import { freePorts, Script, scriptFile, sourceOf, top } from '../fixtures/script.js'

const door = fileURLToPath(sourceOf('telepathine/servent'))

/** An example of the original's README as it stands there, but for the import and the port. */
function original(name: string, port: number): string {
  return readFileSync(join(top, `test/fixtures/seed/${name}.js`), 'utf8')
    .replace(`'partition.io'`, `'${door}'`)
    .replace(' = 8888', ` = ${port}`)
}

function servent(t: Test, options?: ServentOptions): Servent {
  const made = new Servent(options)
  t.teardown(() => made.close())
  return made
}

t.test('the examples of the original README run unchanged, in three processes', { timeout: 50_000 }, async t => {
  const port = await freePorts(1)
  const worker = original('worker', port)
  const distribute = worker.slice(worker.indexOf('worker.distribute'))
  const code = `${original('servent', port)}${worker}
    servent.on('peer', function() {
      if (Object.keys(servent.peers).length !== 2) return
      ${distribute.replace('console.log(numbers)', `console.log('all', numbers)`)}
    })`
  const path = await scriptFile(t, code, 'cjs')
  const scripts = [1, 2, 3].map(() => new Script(t, path))
  await Promise.all(scripts.map(async script => {
    t.ok(await script.prints(lines => lines.length === 2, 45_000), script.stdout + script.stderr)
    const [atFirst, all] = script.lines.toSorted() as [string, string]
    // at the start it is done by whoever is there by then, and always by oneself
    t.match(atFirst, /^\[ \d{1,3}(, \d{1,3}){0,2} \]$/)
    t.match(all, /^all \[ \d{1,3}, \d{1,3}, \d{1,3} \]$/, 'not a star: each has the two others as peers')
    t.equal(script.stderr, '')
  }))
})

t.test('a process that is killed in the middle of a job does not keep it from ending', { timeout: 50_000 }, async t => {
  const own = await listening(servent(t))
  const worker = own.createWorker('slow', (callback: WorkerCallback<string>) => callback(null, 'own'))
  const code = `import { Servent } from '${sourceOf('telepathine/servent')}'
    const servent = new Servent()
    servent.createWorker('slow', () => console.log('at work'))
    servent.connect(${own.address()!.port})`
  const victim = new Script(t, await scriptFile(t, code))
  const [peer] = await once(own, 'peer') as [Peer]
  const job = worker.distribute()
  const events: unknown[] = []
  job.on('data', data => events.push(data))
  job.on('error', error => events.push(error))
  const ended = once(job, 'end')
  job.run()
  t.ok(await victim.prints(lines => lines.includes('at work'), 30_000), victim.stderr)
  const gone = once(peer, 'end')
  t.equal(victim.child.kill('SIGKILL'), true)
  await Promise.all([ended, gone])
  t.strictSame(events, ['own'])
  t.strictSame(job.missing, [{ peer: peer.name, reason: 'ERR_PEER_LOST' }])
  t.strictSame(own.peers, {})
})

t.test('a port that is taken is an error, and another can be tried; so can the same when it is free', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const own = servent(t)
  const told: unknown[] = []
  own.on('listening', () => told.push('listening'))
  const listening = once(own, 'listening').catch((error: NodeJS.ErrnoException) => error.code)
  own.listen(port)
  t.equal(await listening, 'EADDRINUSE')
  t.equal(own.address(), null)
  t.equal(own.listening, false)
  await new Promise<void>(resolve => own.listen(0, resolve))
  t.match(own.address(), { address: '127.0.0.1', family: 'IPv4', port: Number })
  t.throws(() => own.listen(0), { code: 'ERR_BUSY' })
  await own.close()
  await new Promise(resolve => taken.close(resolve))
  await listening
  own.listen(port)
  await once(own, 'listening')
  t.equal(own.address()?.port, port)
  t.strictSame(told, ['listening', 'listening'])
})

t.test('a peer that was given and could not start can be tried again, and is left running', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const peer = new Telepathine(port)
  t.teardown(() => peer.stop())
  const own = servent(t, { peer })
  const failed = once(own, 'error')
  own.listen(port)
  t.match(await failed, [{ code: 'EADDRINUSE' }])
  await new Promise(resolve => taken.close(resolve))
  await new Promise<void>(resolve => own.listen(port, resolve))
  t.equal(own.address()?.port, port)
  await own.close()
  t.strictSame(peer.keys(), [])
  t.equal(peer.set('still', 'running'), true)
})

t.test('without a listener for it, a port that is taken is a process warning and no more', async t => {
  const first = await listening(servent(t))
  const warned = once(process, 'warning')
  servent(t).listen(first.address()!.port)
  t.match(await warned, [{ code: 'EADDRINUSE' }])
})

t.test('whoever connects listens; by any host it is connected to, IPv6 as well', async t => {
  for (const host of ['127.0.0.1', 'localhost', '::1']) {
    const cluster = { cluster: `by ${host}` }
    const first = servent(t, cluster).listen(0, host)
    await once(first, 'listening')
    const { port, family } = first.address()!
    t.equal(family, host === '::1' ? 'IPv6' : 'IPv4')
    const second = servent(t, host === '::1' ? { ...cluster, address: '::1' } : cluster)
    t.equal(second.connect(port, host), second)
    const [[peer], [other]] = await Promise.all([once(second, 'peer'), once(first, 'peer')]) as [[Peer], [Peer]]
    t.match(peer, { id: first.id, host, port })
    t.equal(other.id, second.id)
    t.equal(second.listening, true)
  }
})

t.test('connected before it listens, it joins when it does; jobs that are run meanwhile wait for that', async t => {
  const first = await listening(servent(t))
  first.createWorker('echo', (text: string, callback: WorkerCallback<string>) => callback(null, text))
  const second = servent(t).connect(first.address()!.port).listen(0)
  const worker = second.createWorker('echo', (text: string, callback: WorkerCallback<string>) => callback(null, text))
  const job = worker.distribute()
  const data: string[] = []
  job.on('data', text => data.push(text))
  const ended = once(job, 'end')
  job.run('hello')
  await ended
  t.strictSame(data, ['hello', 'hello'])
})

t.test('to close may be asked for at any time, and is over when it says so', async t => {
  const own = servent(t)
  const told: string[] = []
  own.on('close', () => told.push('close'))
  own.on('error', error => told.push(error.message))
  own.on('listening', () => told.push('listening'))
  await own.close(() => told.push('called back'))
  own.listen(0)
  await own.close(() => told.push('called back'))
  await listening(own)
  const closed = once(own, 'close')
  t.equal(own.destroy(), own.close())
  await closed
  t.strictSame(told, ['called back', 'close', 'called back', 'listening', 'close'])
})

async function listening(servent: Servent): Promise<Servent> {
  servent.listen(0)
  await once(servent, 'listening')
  return servent
}
