import type { VirtualClock } from '../clock.js'
import type { Report } from '../referee.js'
import type { VirtualTransport } from '../transport.js'

/** After a peer stopped it has no timer and no socket left. */
export function checkLeftovers(peer: string, clock: VirtualClock, transport: VirtualTransport, report: Report): void {
  if (clock.pending > 0) report('nothing left after stop', [peer], 'no timer', `${clock.pending}`)
  if (!transport.isClosed) report('nothing left after stop', [peer], 'a closed transport', 'it is open')
  if (transport.links > 0) report('nothing left after stop', [peer], 'no connection', `${transport.links}`)
}
