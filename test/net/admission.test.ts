import t from 'tap'
import { Admission } from '../../lib/net/admission.js'
import { defaultLimits } from '../../lib/net/limits.js'

const limits = { ...defaultLimits, inboundMax: 5, inboundPerHostMax: 2 }

t.test('so many from one host, so many in all', async (t) => {
  const admission = new Admission(limits)
  t.equal(admission.enter('10.0.0.1'), undefined)
  t.equal(admission.enter('10.0.0.1'), undefined)
  t.equal(admission.enter('10.0.0.1'), 'more than 2 connections from 10.0.0.1')
  for (const host of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) t.equal(admission.enter(host), undefined)
  t.equal(admission.enter('10.0.0.5'), 'more than 5 connections')
})

t.test('who leaves makes room', async (t) => {
  const admission = new Admission(limits)
  for (let i = 0; i < 20; i++) {
    t.equal(admission.enter('10.0.0.1'), undefined)
    t.equal(admission.enter('10.0.0.1'), undefined)
    admission.leave('10.0.0.1')
    admission.leave('10.0.0.1')
  }
})

t.test('loopback is bounded in all only', async (t) => {
  const admission = new Admission(limits)
  for (let i = 0; i < 5; i++) t.equal(admission.enter(i % 2 === 0 ? '127.0.0.1' : '::1'), undefined)
  t.equal(admission.enter('127.0.0.1'), 'more than 5 connections')
})
