import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { type Outcome } from './ask.js'
import { useFeed, useShared } from './hooks.js'
import { visible } from './format.js'

/** Whether one may write from this page, and if not, why. */
export function useRight(): { readonly mayWrite: boolean; readonly why: string } {
  const { mirror } = useFeed('status')
  const { writes, mayWrite = false } = mirror.self ?? {}
  const why = writes === 'never'
    ? 'Read-only: this peer can be reached from other machines and has no token.'
    : 'Read-only without the token: unlock it above.'
  return { mayWrite, why }
}

/** What one may do here, if one may; and what came of it. */
export function Form({ label, about, act, children }: {
  readonly label: string
  /** Tells it from others with the same label. */
  readonly about?: string
  /** Given what stands in a field, by its name. */
  readonly act: (field: (name: string) => string) => Promise<Outcome>
  readonly children: ComponentChildren
}) {
  const { mayWrite } = useRight()
  const [outcome, setOutcome] = useState<Outcome>()
  const [isBusy, setBusy] = useState(false)
  if (!mayWrite) return null
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    setBusy(true)
    void act(fieldsOf(event)).then((came) => {
      setOutcome(came)
      setBusy(false)
    })
  }
  return (
    <form class="act" aria-label={about === undefined ? label : `${label} ${about}`} onSubmit={submit}>
      {children}
      <button type="submit" disabled={isBusy}>{label}</button>
      {outcome && (
        <output class={outcome.isWell ? 'good' : 'bad'}>{visible(outcome.text.slice(0, 2_000))}</output>
      )}
    </form>
  )
}

/** One line to write in. */
export function Field({ name, label, value = '', wide = false }: {
  readonly name: string
  readonly label: string
  readonly value?: string
  readonly wide?: boolean
}) {
  const shown = { name, placeholder: label, 'aria-label': label, defaultValue: value, class: wide ? 'wide' : '' }
  return <input {...shown} autocomplete="off" spellcheck={false} />
}

/** What stands in the fields of a form that is being submitted. */
function fieldsOf({ currentTarget }: SubmitEvent): (name: string) => string {
  const data = new FormData(currentTarget as HTMLFormElement)
  return (name) => {
    const value = data.get(name)
    return typeof value === 'string' ? value : ''
  }
}

/** Unlocks what takes the token. */
export function Lock() {
  const { feed } = useShared()
  const { mirror, status, wasWrong } = useFeed('status')
  const [isOpen, setOpen] = useState(false)
  const { self } = mirror
  if (status !== 'denied' && self?.writes !== 'token') {
    return <span class="tag">{self?.writes === 'open' ? 'open to write' : 'read-only'}</span>
  }
  if (self?.mayWrite && status !== 'denied') {
    return <button type="button" onClick={() => feed.authorize(undefined)}>Lock</button>
  }
  const why = wasWrong ? 'That token is wrong.' : status === 'denied' ? 'Looking here takes the token.' : ''
  if (!isOpen && status !== 'denied' && !wasWrong) {
    return <button type="button" onClick={() => setOpen(true)}>Unlock</button>
  }
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const token = fieldsOf(event)('token')
    if (token !== '') feed.authorize(token)
    setOpen(false)
  }
  return (
    <form class="unlock" aria-label="Unlock" onSubmit={submit}>
      <input name="token" type="password" placeholder="token" aria-label="Token" autocomplete="current-password"
        ref={(input) => input?.focus()} onKeyDown={({ key }) => key === 'Escape' && setOpen(false)} />
      <button type="submit">Unlock</button>
      {why !== '' && <span class="bad" role="alert">{why}</span>}
    </form>
  )
}
