import { useEffect, useState } from 'preact/hooks'
import type { QueueRow } from '../http/live/protocol.js'
import { ask, pathOf } from './ask.js'
import { Form, useRight } from './form.js'
import { count, plural, span } from './format.js'
import { useNow, useShared } from './hooks.js'
import { Text } from './text.js'

/** So much is shown of what was to be done, and of what went wrong. */
const lengthMax = 1_000

/** A job that was given up, as `/queues/<name>` has it. */
interface Letter {
  readonly token: string
  /** As JSON, cut short; not there when it is large. */
  readonly input?: string
  readonly key?: string
  readonly from: string
  /** Unix time in milliseconds. */
  readonly enqueuedAt: number
  readonly attempts: number
  readonly error: { readonly code: string; readonly message: string }
}

/** The dead letters of a name, from close by: asked for once, and whenever their number changes. */
export function Letters({ row, close }: { readonly row: QueueRow; readonly close: () => void }) {
  const { mayWrite, why } = useRight()
  return (
    <aside class="value" aria-label="Dead letters">
      <header>
        <h2>Dead letters of <Text of={row.key} className="mono" /></h2>
        <button type="button" onClick={close} aria-label="Close">✕</button>
      </header>
      {mayWrite ? <Found row={row} /> : <p class="faint">They tell what was to be done. {why}</p>}
    </aside>
  )
}

function Found({ row: { key: name, dead } }: { readonly row: QueueRow }) {
  const { feed } = useShared()
  const [round, setRound] = useState(0)
  const [found, setFound] = useState<{ readonly of: string; readonly letters: readonly Letter[] | string }>()
  const [isBusy, setBusy] = useState(false)
  const wanted = `${dead} ${round}`
  const again = (): void => setRound(round + 1)
  useEffect(() => {
    // one question at a time, however fast jobs die
    if (isBusy || found?.of === wanted) return
    setBusy(true)
    void ask(feed, 'GET', `${pathOf('queues', name)}?preview=${lengthMax}`).then(({ isWell, text }) => {
      setFound({ of: wanted, letters: isWell ? (JSON.parse(text) as Letter[]) : text })
      setBusy(false)
    })
  }, [feed, name, wanted, isBusy])
  const letters = found?.letters
  if (letters === undefined) return <p class="faint">…</p>
  const isText = typeof letters === 'string'
  return (
    <>
      <p class="faint">
        {isText || letters.length >= (dead ?? 0) ? '' : `the oldest ${letters.length} of ${count(dead ?? 0)} `}
        <button type="button" class="link" onClick={again} disabled={isBusy}>look again</button>
      </p>
      {isText
        ? <p class="bad" role="alert"><Text of={letters} /></p>
        : letters.length === 0 ? <p>There are none.</p> : (
          <ul class="letters" tabIndex={0} aria-label="Dead letters, the oldest first">
            {letters.map((letter) => <One key={letter.token} letter={letter} again={again} />)}
          </ul>
        )}
    </>
  )
}

/** One of them, and what one may do with it. */
function One({ letter, again }: { readonly letter: Letter; readonly again: () => void }) {
  const { feed } = useShared()
  const now = useNow()
  const { token, input, key, from, enqueuedAt, attempts, error } = letter
  const act = (method: string, path: string) => async () => {
    const outcome = await ask(feed, method, path)
    if (outcome.isWell) again()
    return outcome
  }
  return (
    <li>
      <p><b>{error.code}</b> <Text of={error.message.slice(0, lengthMax)} className="bad" /></p>
      <p>
        {input === undefined ? <i>its input takes more than 256 KiB</i> : <Text of={input} className="mono" />}
      </p>
      <p class="faint">
        <span class="mono">{token}</span> from <Text of={from} />, {span(now - enqueuedAt)} ago,{' '}
        {plural(attempts, 'attempt')}{key !== undefined && <>, key <Text of={key} /></>}
      </p>
      <Form label="Retry" about={token} act={act('POST', pathOf('retries', token))}>{null}</Form>
      <Form label="Discard" about={token} act={act('DELETE', pathOf('jobs', token))}>{null}</Form>
    </li>
  )
}
