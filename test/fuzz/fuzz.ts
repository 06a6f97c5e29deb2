// Fuzzes all that reads what comes from the network; see targets.ts. Guided by coverage.
//
//     npm run fuzz -- [--seconds 60] [--seed N] [--keep] [target …]
//
// Ends with code 1 at the first input that does what must not be, and prints it: a line for corpus/<target>.txt, where
// it will be tried in every run of the tests. --keep adds there what reached new code, and crashes.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BlockCoverage } from './coverage.js'
import { corpusOf, Crash, Fuzzer } from './fuzzer.js'
import { targets } from './targets.js'

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    keep: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const names = positionals.length > 0 ? positionals : Object.keys(targets)
const secondsEach = Number(values.seconds) / names.length
console.log(`seed ${values.seed}, ${secondsEach.toFixed(1)} s for each of ${names.join(', ')}`)
for (const name of names) {
  const target = targets[name]
  if (target === undefined) throw new Error(`no target ${name}: there are ${Object.keys(targets).join(', ')}`)
  const keep = (input: Uint8Array): void => {
    if (!values.keep) return
    appendFileSync(join(import.meta.dirname, 'corpus', `${name}.txt`), `${Buffer.from(input).toString('base64')}\n`)
  }
  const coverage = new BlockCoverage('/lib/')
  const fuzzer = new Fuzzer(target, corpusOf(name), Number(values.seed))
  try {
    fuzzer.replay(coverage)
    for (const end = performance.now() + 1_000 * secondsEach; performance.now() < end;) fuzzer.run(coverage)
  } catch (error) {
    if (!(error instanceof Crash)) throw error
    keep(error.input)
    console.error(`${name} after ${fuzzer.inputs} inputs: ${error.message}\n`, error.cause)
    process.exit(1)
  }
  coverage.stop()
  fuzzer.found.forEach(keep)
  const { inputs, found, blocks } = fuzzer
  console.log(`${name}: ${inputs} inputs, ${blocks} blocks of code reached, ${found.length} inputs reached new ones`)
}
