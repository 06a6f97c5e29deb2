import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { happeningKinds } from '../http/live/protocol.js'
import { Cluster } from './cluster.js'
import { Details } from './details.js'
import { diagnose } from './diagnosis.js'
import { Events, type EventsQuery } from './events.js'
import type { Feed } from './feed.js'
import { Lock } from './form.js'
import { span, visible } from './format.js'
import { Queues } from './queues.js'
import { SharedContext, useFeed, useHash, useNow, useShared } from './hooks.js'
import { StateView, type StateQuery } from './state.js'
import { Text } from './text.js'
import { currentTheme, nextTheme } from './theme.js'
import { Work } from './work.js'

const views = ['cluster', 'state', 'events', 'work', 'queues'] as const

/** The page. */
export function App({ feed }: { readonly feed: Feed }) {
  const hash = useHash()
  const view = views.find((name) => name === hash) ?? 'cluster'
  const [chosen, choose] = useState<string>()
  const [state, askState] = useState<StateQuery>({ text: '', peer: '' })
  const [events, askEvents] = useState<EventsQuery>({ text: '', kinds: happeningKinds })
  const shared = useMemo(() => {
    const showKeys = (peer: string): void => {
      askState({ text: '', peer })
      location.hash = 'state'
    }
    return { feed, chosen, choose, showKeys }
  }, [feed, chosen])
  const help = useRef<HTMLDialogElement>(null)
  useKeyboard({ escape: () => choose(undefined), help: () => help.current?.showModal() })
  return (
    <SharedContext.Provider value={shared}>
      <Header view={view} />
      <Lost />
      {view === 'cluster' && <Cluster />}
      {view === 'state' && <StateView query={state} ask={askState} />}
      {view === 'events' && <Events query={events} ask={askEvents} />}
      {view === 'work' && <Work />}
      {view === 'queues' && <Queues />}
      <Details />
      <dialog ref={help} aria-label="Keyboard">
        <h2>Keyboard</h2>
        <dl>
          <dt><kbd>1</kbd> … <kbd>5</kbd></dt><dd>cluster, state, events, work; queues, if there are any</dd>
          <dt><kbd>/</kbd></dt><dd>find</dd>
          <dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>choose in a list</dd>
          <dt><kbd>p</kbd></dt><dd>pause the events</dd>
          <dt><kbd>t</kbd></dt><dd>theme: as the system has it, light, dark</dd>
          <dt><kbd>Esc</kbd></dt><dd>close</dd>
        </dl>
        <form method="dialog"><button type="submit">Close</button></form>
      </dialog>
    </SharedContext.Provider>
  )
}

function Header({ view }: { readonly view: string }) {
  const { mirror, status } = useFeed('status', 'peers', 'rumours', 'queues')
  const [theme, setTheme] = useState(currentTheme())
  const { self } = mirror
  const level = self && diagnose(self.name, [...mirror.peers.values()], [...mirror.rumours.values()]).level
  useEffect(() => {
    const sign = status === 'live' && level !== undefined ? { good: '', warn: '▲ ', bad: '✕ ' }[level] : '… '
    document.title = self ? `${sign}${visible(self.name)} · ${visible(self.cluster)}` : 'telepathine'
  }, [self, level, status])
  return (
    <header class="top">
      <h1>
        <Text of={self?.cluster ?? 'telepathine'} />
        {self && <span class="from"> seen from <Text of={self.name} /></span>}
      </h1>
      <nav aria-label="Views">
        {views.filter((name) => name !== 'queues' || mirror.queue !== null).map((name) => (
          <a key={name} href={`#${name}`} aria-current={name === view ? 'page' : undefined}>{name}</a>
        ))}
      </nav>
      <div class="tools">
        <span class={`status ${status}`} role="status">{status === 'denied' ? 'locked' : status}</span>
        <Lock />
        <button type="button" class="theme" onClick={() => setTheme(nextTheme())} aria-label={`Theme: ${theme}`}
          title="theme (t)">{{ auto: '◐', light: '○', dark: '●' }[theme]}</button>
      </div>
    </header>
  )
}

/** Says so when what is shown is not the present any more. */
function Lost() {
  const { feed } = useShared()
  const { status } = useFeed('status')
  useNow()
  if (status !== 'lost' || feed.heardAt === 0) return null
  const age = span(performance.now() - feed.heardAt)
  return <p class="lost" role="alert">The connection to this peer is lost. What you see is {age} old.</p>
}

/** Keys that do something wherever one is, but not while one writes. */
function useKeyboard({ escape, help }: { readonly escape: () => void; readonly help: () => void }): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const { key, target, ctrlKey, metaKey, altKey } = event
      const isWriting = target instanceof Element && target.matches('input, textarea, select')
      if (ctrlKey || metaKey || altKey) return
      if (key === 'Escape') {
        if (isWriting) (target as HTMLElement).blur()
        return escape()
      }
      if (isWriting) return
      const view = document.querySelectorAll<HTMLElement>('nav a')[Number(key) - 1]
      if (view) view.click()
      else if (key === '/') document.querySelector<HTMLElement>('input.search')?.focus()
      else if (key === 'p') document.querySelector<HTMLElement>('button.pause')?.click()
      else if (key === 't') document.querySelector<HTMLElement>('button.theme')?.click()
      else if (key === '?') help()
      else return
      event.preventDefault()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [escape, help])
}
