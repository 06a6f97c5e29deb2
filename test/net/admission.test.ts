import t from 'tap'
import { Admission, type Ticket } from '../../lib/net/admission.js'
import { defaultLimits } from '../../lib/net/limits.js'

const limits = { ...defaultLimits, inboundMax: 5, inboundPerHostMax: 2, strangersMax: 5 }
const nobody = (): never => {
  throw new Error('put out')
}
const enter = (admission: Admission, host: string): Ticket => admission.enter(host, nobody) as Ticket

t.test('so many from one host, so many in all', async (t) => {
  const admission = new Admission(limits)
  for (const host of ['10.0.0.1', '10.0.0.1']) enter(admission, host).settle()
  t.equal(admission.enter('10.0.0.1', nobody), 'more than 2 connections from 10.0.0.1')
  for (const host of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) enter(admission, host).settle()
  t.equal(admission.enter('10.0.0.5', nobody), 'more than 5 connections')
})

t.test('who leaves makes room, once', async (t) => {
  const admission = new Admission(limits)
  for (let i = 0; i < 20; i++) {
    const tickets = [enter(admission, '10.0.0.1'), enter(admission, '10.0.0.1')]
    t.equal(typeof admission.enter('10.0.0.1', nobody), 'string')
    for (const ticket of [...tickets, ...tickets]) ticket.leave()
  }
  for (let i = 0; i < 5; i++) enter(admission, `10.0.0.${i}`).settle()
  t.equal(admission.enter('10.0.0.9', nobody), 'more than 5 connections')
})

t.test('loopback is bounded in all only', async (t) => {
  const admission = new Admission(limits)
  for (let i = 0; i < 5; i++) enter(admission, i % 2 === 0 ? '127.0.0.1' : '::1').settle()
  t.equal(admission.enter('127.0.0.1', nobody), 'more than 5 connections')
})

t.test('of those that have not said who they are, one too many puts out the oldest', async (t) => {
  const admission = new Admission({ ...limits, inboundMax: 100, strangersMax: 3 })
  const out: number[] = []
  const tickets = [0, 1, 2, 3, 4].map((i) => {
    const ticket = admission.enter(`10.0.0.${i}`, () => out.push(i)) as Ticket
    if (i === 1) ticket.settle()
    return ticket
  })
  t.strictSame(out, [0], 'who has said who it is stays and does not count')
  tickets[2]?.leave()
  enter(admission, '10.0.0.6')
  t.strictSame(out, [0], 'who left made room')
  admission.enter('10.0.0.7', nobody)
  t.strictSame(out, [0, 3])
})
