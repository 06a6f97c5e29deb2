import fc from 'fast-check'
import t from 'tap'
import { isNewer, isVersion, newest, toRecord, versionOf, type FileRecord } from '../../lib/files/record.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)

t.test('takes bytes, text and deletions for records, and nothing else', async t => {
  t.strictSame(toRecord({ data: bytes('x'), time: 5 }), { data: bytes('x'), time: 5 })
  t.strictSame(toRecord({ data: 'ü' }), { data: bytes('ü'), time: 0 }, 'a value set by hand need not have a time')
  t.strictSame(toRecord({ deleted: true, time: 5 }), { deleted: true, time: 5 })
  const noFiles = [undefined, null, 1, 'x', bytes('x'), [], {}]
  const noData = [{ data: 5 }, { data: null }, { data: ['x'] }, { deleted: 'yes' }]
  const badlyTimed = [NaN, Infinity, 1.5, '5', 1e16].map(time => ({ data: 'x', time }))
  for (const value of [...noFiles, ...noData, ...badlyTimed]) t.equal(toRecord(value), undefined, JSON.stringify(value))
})

t.test('the later version wins, and at the same time a file wins over its deletion', async t => {
  const older: FileRecord = { data: bytes('b'), time: 1 }
  const newer: FileRecord = { data: bytes('a'), time: 2 }
  t.equal(newest([older, newer]), newer)
  t.equal(newest([older, { deleted: true, time: 1 }]), older)
  t.equal(newest([]), undefined)
  t.ok(isVersion(older, versionOf({ data: bytes('b'), time: 1 })))
  t.notOk(isVersion(older, versionOf({ data: bytes('c'), time: 1 })))
  t.notOk(isVersion(undefined, versionOf(older)))
})

t.test('all peers agree which version wins, in whatever order they hear of them', async t => {
  const record = fc.record({ data: fc.uint8Array({ maxLength: 2 }), time: fc.integer({ min: 0, max: 2 }) })
  const some = fc.array(record, { minLength: 1, maxLength: 8 })
  fc.assert(fc.property(some, fc.infiniteStream(fc.nat()), (records, dice) => {
    const shuffled = [...records].sort(() => (dice.next().value as number) % 3 - 1)
    const [one, other] = [newest(records), newest(shuffled)]
    t.strictSame(versionOf(one as FileRecord), versionOf(other as FileRecord))
    t.notOk(records.some(each => isNewer(versionOf(each), versionOf(one as FileRecord))))
  }), { numRuns: 50 })
})
