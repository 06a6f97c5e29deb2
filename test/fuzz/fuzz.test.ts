import t from 'tap'
import { BlockCoverage } from './coverage.js'
import { corpusOf, Crash, Fuzzer } from './fuzzer.js'
import { targets } from './targets.js'

for (const [name, target] of Object.entries(targets)) {
  t.test(`${name}: seeds, the corpus and a thousand others do no harm`, async (t) => {
    const fuzzer = new Fuzzer(target, corpusOf(name), Number(process.env['FC_SEED'] ?? 1))
    fuzzer.replay()
    for (let i = 0; i < 4; i++) fuzzer.run()
    t.ok(fuzzer.inputs > 1_000)
  })
}

/** Harmless to all but one kind of input, which is found step by step or not at all. */
function planted(bytes: Uint8Array): void {
  if (bytes[0] !== 0xc1) return
  if (bytes[1] !== 0xf5) return
  if (bytes[2] === 0xdd) throw new Error('planted')
}

t.test('guided by coverage it finds what chance alone does not', async (t) => {
  const target = { seeds: [Buffer.from('something else')], make: () => planted }
  const coverage = new BlockCoverage('/test/fuzz/')
  t.teardown(() => coverage.stop())
  const guided = new Fuzzer(target, [], 1)
  const crash = t.throws(() => {
    for (let i = 0; i < 4_000; i++) guided.run(coverage)
  }) as unknown as Crash
  t.type(crash, Crash)
  t.match(crash.message, /^planted: wfXd/)
  t.strictSame([...crash.input.subarray(0, 3)], [0xc1, 0xf5, 0xdd])
})
