import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Dashboard } from '../../lib/http/dashboard.js'

t.test('it is taken from the first place where it was built', async t => {
  const [empty, full] = [t.testdir(), join(t.testdirName, 'full')]
  await mkdir(full)
  t.equal(await Dashboard.load([empty, join(empty, 'nowhere')]), undefined)
  await writeFile(join(full, 'index.html'), '<!doctype html>')
  await writeFile(join(full, 'secrets.env'), 'x')
  const loaded = await Dashboard.load([empty, full])
  t.ok(loaded)
  const exchange = { request: { headers: {} }, response: { writeHead: () => undefined, end: () => t.fail('answered') } }
  for (const name of ['secrets.env', 'index.html', 'nothing', '../full/secrets.env']) {
    t.equal(loaded?.file(exchange as never, name), false, name)
  }
})
