// A counter on a page, shared by all who run this. In any number of shells, on one machine or several:
//
//   node examples/counter.js                          the first: look at the page that it names, and click
//   node examples/counter.js 9001 :9000               another: its page shows the same number
//   ADDRESS=10.0.0.2 node examples/counter.js 9000 10.0.0.1:9000
//
// Nobody owns the number, and nobody is asked for it: each peer counts its own clicks, under a key that only it writes,
// and the number is the sum of all of them (a grow-only counter, the simplest of the CRDTs). So no click gets lost,
// though two peers count at once, or while the network is cut. Each keeps its own part in a file, as keys end with the
// process.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Telepathine } from 'telepathine'

const [port = '9000', ...seeds] = process.argv.slice(2)
const address = process.env.ADDRESS ?? '127.0.0.1'
const peer = await new Telepathine(Number(port), seeds, { address, cluster: 'counter' }).start().ready()

const file = `counter-${peer.port}.json`
let own = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : 0
const others = new Map()
const total = () => [...others.values()].reduce((sum, clicks) => sum + clicks, own)

peer.set('clicks', own)
// the parts of peers that have gone still count: what they told is not taken back
peer.know('clicks', (who, clicks) => {
  others.set(who, clicks)
  tell()
})

function click() {
  writeFileSync(file, JSON.stringify(++own))
  peer.set('clicks', own)
  tell()
}

const pages = new Set()
const tell = () => pages.forEach((page) => page.write(`data: ${total()}\n\n`))

const html = `<!doctype html><meta charset="utf-8"><title>counter</title>
<button style="font-size: 4rem; padding: 2rem 4rem"><output>…</output></button>
<script>
  new EventSource('/live').onmessage = ({ data }) => (document.querySelector('output').value = data)
  document.querySelector('button').onclick = () => fetch('/click', { method: 'POST' })
</script>`

const server = createServer((request, response) => {
  if (request.url === '/live') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${total()}\n\n`)
    pages.add(response)
    response.once('close', () => pages.delete(response))
  } else if (request.url === '/click' && request.method === 'POST') {
    click()
    response.writeHead(204).end()
  } else response.writeHead(200, { 'content-type': 'text/html' }).end(html)
})
server.listen(0, '127.0.0.1', () => {
  console.log(`${peer.name}: the page is at http://127.0.0.1:${server.address().port}/`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await peer.stop()
    process.exit()
  })
}
