// A cron without a leader: all run this, and each time one of them does the job. In any number of shells:
//
//   node examples/cron.js                             the first
//   node examples/cron.js 0 :9000                     others, as many as you like
//
// At each time all peers work out for themselves whose turn it is: they rank those that seem alive by a hash of the
// time and the name. The first does the job, and says that it has. If nobody has said so after a while, the next in
// rank does it. Clocks should agree to a second or so.
//
// What that guarantees, and what not:
//
// - While all peers agree on who is alive, a time's job is done once, by one of them; if that one dies, by the next.
// - It may be done TWICE: when a peer dies after it did the job and before it said so; when a peer has just come or
//   gone and not all know; in a partition, once on each side. Nobody can tell a dead peer from one that is cut off.
// - It is not done when all are down at that time, and not made up for later.
//
// So the job should not mind being done twice: give it the time as a key ("the report of 12:05"), and have the place
// that it writes to refuse the second. What must happen exactly once needs such a place, here as with any scheduler.
import { createHash } from 'node:crypto'
import { Telepathine } from 'telepathine'

const [port = '9000', ...seeds] = process.argv.slice(2)
const everyMs = Number(process.env.EVERY_SECONDS ?? 5) * 1_000
const address = process.env.ADDRESS ?? '127.0.0.1'
/** How long each in the ranking waits for the one before it: longer than the job takes. */
const patienceMs = Number(process.env.PATIENCE_SECONDS ?? 3) * 1_000

const peer = await new Telepathine(Number(port), seeds, { address, cluster: 'cron' }).start().ready()
console.log(`${peer.name} is up`)
peer.on('peer:start', (name) => console.log(`${name} takes part`))
peer.on('peer:stop', (name) => console.log(`${name} is gone`))

async function job(time) {
  console.log(`${new Date(time).toISOString()} done by ${peer.name}`)
}

/** Times that were done, by whomever, as far as is known here. */
const done = new Set()
peer.know('done:*', (who, time) => done.add(time))

function rank(time) {
  const lot = (name) => createHash('sha256').update(`${time} ${name}`).digest('hex')
  return [peer.name, ...peer.livePeers()].sort((a, b) => (lot(a) < lot(b) ? -1 : 1))
}

async function run(time) {
  if (done.has(time)) return
  const myTurn = time + rank(time).indexOf(peer.name) * patienceMs
  if (Date.now() < myTurn) {
    // looks again before that: those in front of me may die meanwhile, and I move up
    setTimeout(() => start(time), Math.min(patienceMs, myTurn - Date.now()))
    return
  }
  done.add(time)
  await job(time)
  peer.set(`done:${time}`, time, Date.now() + 10 * everyMs)
}

function start(time) {
  run(time).catch((error) => console.error(`${time}: ${error.message}`))
}

function next() {
  const time = Math.ceil((Date.now() + 1) / everyMs) * everyMs
  setTimeout(() => {
    start(time)
    done.delete(time - 10 * everyMs)
    next()
  }, time - Date.now())
}
next()

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await peer.stop()
    process.exit()
  })
}
