import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openQueue } from '../../lib/work/index.js'
import { contract } from './fixtures/contract.js'
import type { Place } from './fixtures/workshop.js'

async function place(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'telepathine-queue-'))
  return {
    open: () => openQueue(`file://${folder}`),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

t.test('durable work in a folder', (t) => contract(t, place, { hasPriorities: true, tellsAll: true, isFaulty: false }))
