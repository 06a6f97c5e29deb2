import type { ComponentChildren } from 'preact'
import type { PeerRow } from '../http/live/protocol.js'
import { visible } from './format.js'

/** A text that came from the network: shown as it is, whatever it is, and kept from turning around what follows it. */
export function Text({ of, className = '' }: { readonly of: string; readonly className?: string }) {
  return <bdi class={className} title={of.length > 24 ? visible(of) : undefined}>{visible(of)}</bdi>
}

/** The state of a peer: as a shape, a word and a colour. */
export function State({ of: state }: { readonly of: PeerRow['state'] }) {
  return <span class={`state ${state}`}><Glyph state={state} /> {state}</span>
}

/** The shape that stands for a state, so that no one needs to tell colours apart. */
export function Glyph({ state }: { readonly state: PeerRow['state'] }) {
  return <svg class="glyph" viewBox="-6 -6 12 12" aria-hidden="true"><Shape state={state} size={4.5} /></svg>
}

/** The same within a drawing, about its origin. */
export function Shape({ state, size }: { readonly state: PeerRow['state']; readonly size: number }) {
  const s = size
  if (state === 'alive') return <circle r={s} class="shape alive" />
  if (state === 'suspect') {
    return <path d={`M0 ${-1.25 * s}L${1.2 * s} ${0.9 * s}H${-1.2 * s}Z`} class="shape suspect" />
  }
  if (state === 'left') return <circle r={s * 0.8} class="shape left" />
  return <path d={`M${-s} ${-s}L${s} ${s}M${-s} ${s}L${s} ${-s}`} class="shape dead" />
}

/** A part of the page under a heading. */
export function Panel(props: {
  readonly title: string
  readonly note?: ComponentChildren
  readonly className?: string
  readonly children: ComponentChildren
}) {
  const { title, note, className = '', children } = props
  return (
    <section class={`panel ${className}`} aria-label={title}>
      <header><h2>{title}</h2>{note !== undefined && <span class="note">{note}</span>}</header>
      {children}
    </section>
  )
}
