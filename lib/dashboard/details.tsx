import { date, bytes, count, span } from './format.js'
import { useFeed, useNow, useShared } from './hooks.js'
import { Phi } from './peers.js'
import { State, Text } from './text.js'

/** What looks like an address that a browser can go to, and like nothing else. */
const addressPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9][a-z0-9.-]*):\d{1,5}$/i

/** The peer that was chosen, from close by. */
export function Details() {
  const { mirror } = useFeed('peers', 'workers', 'status')
  const { chosen, choose, showKeys } = useShared()
  const now = useNow()
  const peer = chosen === undefined ? undefined : mirror.peers.get(chosen)
  if (!peer) return null
  const services = [...mirror.workers.values()].filter((worker) => worker.peer === peer.key)
  const isSelf = peer.key === mirror.self?.name
  return (
    <aside class="details" aria-label="Chosen peer">
      <header>
        <h2><Text of={peer.key} /></h2>
        <button type="button" onClick={() => choose(undefined)} aria-label="Close">✕</button>
      </header>
      <dl>
        <dt>State</dt><dd><State of={peer.state} /> for {span(now - peer.since)}</dd>
        <dt>Silence (φ)</dt>
        <dd>{isSelf ? 'this peer' : <Phi phi={peer.phi} max={mirror.self?.phiThreshold} />}
          {peer.phi !== null && ` of ${mirror.self?.phiThreshold ?? 8}`}</dd>
        <dt>Incarnation</dt><dd>{peer.incarnation}<br /><span class="faint">{date(peer.incarnation)}</span></dd>
        <dt>Log</dt><dd>known up to version {count(peer.version)}</dd>
        <dt>Keys</dt>
        <dd>{peer.keys === null ? '…' : count(peer.keys)}, {bytes(peer.bytes)}{' '}
          <button type="button" class="link" onClick={() => showKeys(peer.key)}>look at them</button></dd>
        {services.length > 0 && <><dt>Serves</dt><dd><ul>
          {services.map(({ key, service }) => <li key={key}><Text of={service} className="mono" /></li>)}
        </ul></dd></>}
        {peer.metadata !== '' && <><dt>Metadata</dt><dd><Text of={peer.metadata} className="mono wrap" /></dd></>}
        {!isSelf && addressPattern.test(peer.key) && <><dt>As it sees it</dt>
          <dd><a href={`http://${peer.key}/`} rel="noreferrer" target="_blank">its own page, if it has one</a></dd></>}
      </dl>
    </aside>
  )
}
