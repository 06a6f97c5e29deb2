import t from 'tap'
import { agrees, differences } from '../../../simulation/checks/convergence.js'
import { Witness } from '../fixtures/court.js'

function pair(): [Witness, Witness] {
  const two: [Witness, Witness] = [new Witness(0), new Witness(1)]
  two[0].others = ['peer1']
  two[1].others = ['peer0']
  for (const witness of two) witness.has('peer1', 'k', 'v', 3)
  return two
}

t.test('peers of one mind do not differ', async (t) => {
  const [a, b] = pair()
  t.strictSame(differences([a, b]), [])
  t.ok(agrees(a, b))
})

t.test('whatever differs is told', async (t) => {
  const faults: [(a: Witness) => void, string][] = [
    [(a) => (a.others = []), 'peer0 does not take peer1 to be alive'],
    [(a) => (a.others = ['peer1', 'peer9']), 'peer0 takes peer9 to be alive'],
    [(a) => a.readings.clear(), 'k of peer1 at peer0 is missing'],
    [(a) => a.has('peer1', 'k', 'v', 2), 'k of peer1 at peer0 is 2, not 3'],
    [(a) => a.has('peer1', 'k', 'w', 3), 'k of peer1 at peer0 has another value'],
    [(a) => a.has('peer1', 'old', 'v', 1), 'old of peer1 at peer0 is still there'],
  ]
  for (const [plant, found] of faults) {
    const [a, b] = pair()
    plant(a)
    t.strictSame(differences([a, b]), [found])
  }
})
