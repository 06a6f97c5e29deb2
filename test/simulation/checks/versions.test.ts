import t from 'tap'
import { Versions } from '../../../simulation/checks/versions.js'
import { Court } from '../fixtures/court.js'

function court(): Court {
  const made = new Court((bench) => new Versions(bench))
  made.meets()
  return made
}

t.test('versions that rise are well, through a reset and a new incarnation too', async (t) => {
  const c = court()
  for (const [incarnation, gcVersion, maxVersion] of [[1, 0, 1], [1, 0, 5], [1, 4, 2], [1, 4, 9], [2, 0, 1]] as const) {
    c.observer.sees('peer1', { incarnation, gcVersion, maxVersion })
    c.hears(c.set('k', 'v'))
  }
  t.strictSame(c.found, [])
})

t.test('a version that falls is caught', async (t) => {
  for (const fallen of [{ maxVersion: 4 }, { gcVersion: 2 }, { incarnation: 1 }]) {
    const c = court()
    c.observer.sees('peer1', { incarnation: 2, gcVersion: 3, maxVersion: 5 })
    c.hears(c.set('k', 'v'))
    c.observer.sees('peer1', fallen)
    c.hears(c.set('k', 'v'))
    t.strictSame(c.found, ['versions rise'], JSON.stringify(fallen))
  }
})

t.test('whoever was forgotten, or saw it in another life, may begin anew', async (t) => {
  const c = court()
  c.observer.sees('peer1', { maxVersion: 5 })
  c.hears(c.set('k', 'v'))
  c.hears({ kind: 'peer:forgotten', peer: 'peer1' })
  c.observer.sees('peer1', { maxVersion: 1 })
  c.hears(c.set('k', 'v'))
  c.observer.life++
  c.observer.sees('peer1', { maxVersion: 0 })
  c.hears(c.set('k', 'v'))
  t.strictSame(c.found, [])
})

t.test('a gap is caught: a key that must be there and is not', async (t) => {
  const c = court()
  c.owner.sees('peer1', { maxVersion: 3 })
  c.owner.has('peer1', 'a', '1', 2)
  c.owner.has('peer1', 'b', '2', 3)
  c.observer.sees('peer1', { maxVersion: 2 })
  c.observer.has('peer1', 'a', '1', 2)
  c.sweeps()
  t.strictSame(c.found, [], 'b is not known to be yet')
  c.observer.sees('peer1', { maxVersion: 3 })
  c.sweeps()
  c.sweeps()
  t.ok(c.found.includes('no gaps'))
})

t.test('a version that its owner has not reached is caught', async (t) => {
  const c = court()
  c.owner.sees('peer1', { maxVersion: 3 })
  c.observer.sees('peer1', { maxVersion: 4 })
  c.sweeps()
  c.sweeps()
  t.ok(c.found.includes('no gaps'))
})

t.test('a version that falls between two notices is caught at the next step', async (t) => {
  const c = court()
  c.observer.sees('peer1', { maxVersion: 3 })
  c.sweeps()
  for (let i = 0; i < 2; i++) c.referee.stepped(c.observer)
  t.strictSame(c.found, [])
  c.observer.sees('peer1', { maxVersion: 2 })
  for (let i = 0; i < 2; i++) c.referee.stepped(c.observer)
  t.ok(c.found.includes('versions rise'))
})
