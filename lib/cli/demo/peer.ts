// One process of the demo: a peer that does what it is told over IPC, and tells what it sees.
import { Telepathine } from '../../index.js'
import { now, type News, type Order } from './report.js'

let peer: Telepathine | undefined

function tell(news: News): void {
  // When the demo is gone there is nobody to tell; `disconnect` ends us.
  if (process.connected) process.send?.({ at: now(), ...news }, undefined, {}, () => undefined)
}

async function start(port: number, seeds: readonly string[]): Promise<void> {
  const self = new Telepathine(port, [...seeds])
  peer = self
  for (const event of ['peer:new', 'peer:start']) self.on(event, () => tell({ what: 'live', peers: self.livePeers() }))
  self.on('peer:stop', (name: string, reason: string) => tell({ what: 'lost', peer: name, reason }))
  self.on('set', (owner: string, key: string) => tell({ what: 'set', peer: owner, key }))
  self.on('delete', (owner: string, key: string) => tell({ what: 'deleted', peer: owner, key }))
  self.on('key:expired', (owner: string, key: string) => tell({ what: 'expired', peer: owner, key }))
  self.hear('**', function (_data: unknown, from: string) {
    tell({ what: 'heard', peer: from, event: this.event })
  })
  self.start()
  await self.ready()
  tell({ what: 'started', name: self.name, port: self.port })
}

async function follow(order: Order): Promise<void> {
  if (order.do === 'start') return start(order.port, order.seeds)
  tell({ what: 'did', order: order.do })
  if (order.do === 'set') peer?.set(order.key, order.value, order.expiresAt)
  else if (order.do === 'delete') peer?.delete(order.key)
  else if (order.do === 'say') peer?.say(order.event, order.data)
  else {
    await peer?.stop()
    process.disconnect()
  }
}

// A Ctrl-C reaches the whole process group: the demo hears it too, and stops us in order.
process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit())
process.on('message', (order: Order) => {
  follow(order).catch((error: unknown) => tell({ what: 'failed', message: String(error) }))
})
