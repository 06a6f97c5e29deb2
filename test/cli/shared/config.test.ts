import { Command } from 'commander'
import t, { type Test } from 'tap'
import { jsonOrText, several, wholeNumber } from '../../../lib/cli/shared/arguments.js'
import { configurable } from '../../../lib/cli/shared/config.js'
import { scriptFile } from '../../fixtures/script.js'

async function options(t: Test, args: readonly string[], env: NodeJS.ProcessEnv, file?: unknown): Promise<object> {
  let found: object = {}
  const command = new Command().exitOverride().configureOutput({ writeErr: () => undefined })
    .option('--name <text>').option('--size <number>', '', wholeNumber(1, 9)).option('--host <name>', '', several)
    .option('--private').option('--more <json>', '', jsonOrText).option('--no-udp').option('--data <dir>', '', 'here')
    .action(given => {
      found = given as object
    })
  const path = file === undefined ? undefined : await scriptFile(t, JSON.stringify(file), 'json')
  const all = path === undefined ? args : [...args, '--config', path]
  await configurable(command, env).parseAsync(all, { from: 'user' })
  const { config: _, ...rest } = found as { config?: string }
  return rest
}

t.test('the command line goes before the environment, and that before the file', async t => {
  const file = { name: 'file', size: 3, data: 'file', host: ['a', 'b'], private: true, udp: false }
  t.strictSame(await options(t, [], {}), { udp: true, data: 'here' })
  t.strictSame(await options(t, [], {}, file), file)
  const env = { TELEPATHINE_NAME: 'env', TELEPATHINE_PRIVATE: 'false', TELEPATHINE_UDP: '1', TELEPATHINE_HOST: 'c' }
  t.match(await options(t, [], env, file), { name: 'env', size: 3, private: false, udp: true, host: ['c'] })
  t.match(await options(t, ['--name', 'line', '--no-udp'], env, file), { name: 'line', udp: false })
})

t.test('what may be any JSON may be any JSON', async t => {
  for (const more of [{ a: [1] }, [1, 2], 7, true, null]) t.strictSame(await options(t, [], {}, { more }), {
    more, udp: true, data: 'here',
  })
  t.match(await options(t, [], { TELEPATHINE_MORE: '{"a":1}' }), { more: { a: 1 } })
  t.match(await options(t, [], {}, { more: '{"a":1}' }), { more: { a: 1 } })
})

t.test('what makes no sense is refused, and the place named', async t => {
  await t.rejects(options(t, [], {}, { nmae: 'x' }), /\.json: there is no option "nmae"; allowed: name, size, host/)
  await t.rejects(options(t, [], {}, { size: 10 }), /option size: 10 given, allowed: a whole number in 1\.\.9/)
  await t.rejects(options(t, [], {}, { name: { a: 1 } }), /option name: \{"a":1\} given/)
  await t.rejects(options(t, [], {}, { private: 'yes' }), /option private: "yes" given, allowed: true or false/)
  await t.rejects(options(t, [], { TELEPATHINE_PRIVATE: 'maybe' }), /TELEPATHINE_PRIVATE: option private: "maybe"/)
  await t.rejects(options(t, [], {}, []), /must hold an object/)
  await t.rejects(options(t, ['--config', '/nothing/here'], {}), /cannot read the options in \/nothing\/here/)
})
