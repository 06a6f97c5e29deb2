import { useEffect, useRef, useState } from 'preact/hooks'
import UPlot from 'uplot'
import { sampleFields, type Sample } from '../http/live/protocol.js'
import { bytes, clock, lagged } from './format.js'
import { useFeed } from './hooks.js'
import { Panel } from './text.js'

/** A line of a chart: a field of the samples. */
interface Line {
  readonly field: (typeof sampleFields)[number]
  readonly title: string
  /** Name of its colour; see style.css. */
  readonly colour: string
}

const traffic: readonly Line[] = [
  { field: 'news', title: 'news', colour: '--line-1' },
  { field: 'repair', title: 'repair', colour: '--line-2' },
  { field: 'liveness', title: 'heartbeats', colour: '--line-3' },
  { field: 'work', title: 'calls', colour: '--line-4' },
]
const lag: readonly Line[] = [
  { field: 'lag99', title: 'p99', colour: '--line-2' },
  { field: 'lag50', title: 'p50', colour: '--line-1' },
]

/** What this peer sends, by class. */
export function Traffic() {
  return <Chart title="Sent by this peer" unit="a second" lines={traffic} format={bytes} />
}

/** How long keys take from where they are set to here. */
export function Lag() {
  return <Chart title="Update lag" unit="from set to here" lines={lag} format={lagged} />
}

interface ChartProps {
  readonly title: string
  readonly unit: string
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
}

function Chart({ title, unit, lines, format }: ChartProps) {
  const { mirror } = useFeed('history', 'status')
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | null>(null)
  const [pointed, setPointed] = useState<number | null>(null)
  const theme = useTheme()
  const { history } = mirror
  useEffect(() => {
    const { current } = place
    if (!current) return undefined
    const options = optionsFor(current, lines, format, setPointed)
    const made = new UPlot(options, dataOf(mirror.history, lines), current)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize(sizeOf(current)))
    observer.observe(current)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [lines, format, theme])
  useEffect(() => plot.current?.setData(dataOf(history, lines)), [history, lines])
  const sample = pointed === null ? history.at(-1) : history[pointed]
  const values = lines.map(({ field, title: name, colour }) => {
    const value = sample?.[sampleFields.indexOf(field)]
    return { name, colour, text: typeof value === 'number' ? format(value) : '–' }
  })
  const spoken = values.map(({ name, text }) => `${name} ${text}`).join(', ')
  return (
    <Panel title={title} className="chart" note={pointed === null || !sample ? unit : clock(sample[0] ?? 0)}>
      <div class="legend">
        {values.map(({ name, colour, text }) => (
          <span key={name}><i class={`swatch ${colour.slice(2)}`} />{name} <b>{text}</b></span>
        ))}
      </div>
      <div class="plot" ref={place} role="img" aria-label={`${title}, ${unit}, over the last minutes: ${spoken}`} />
    </Panel>
  )
}

/** Rises whenever colours change: what is drawn has to be drawn anew. */
function useTheme(): number {
  const [count, setCount] = useState(0)
  useEffect(() => {
    const changed = (): void => setCount((n) => n + 1)
    const preference = matchMedia('(prefers-color-scheme: dark)')
    preference.addEventListener('change', changed)
    const observer = new MutationObserver(changed)
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    return () => {
      preference.removeEventListener('change', changed)
      observer.disconnect()
    }
  }, [])
  return count
}

function optionsFor(
  place: HTMLElement, lines: readonly Line[], format: ChartProps['format'], point: (index: number | null) => void,
): UPlot.Options {
  const style = getComputedStyle(document.documentElement)
  // a variable has a colour for each theme; what they come to, only something that has that colour says
  const colour = (name: string): string => {
    place.style.color = `var(${name})`
    return getComputedStyle(place).color
  }
  const axis = { stroke: colour('--faint'), font: `11px ${style.fontFamily}`, ticks: { show: false } }
  const grid = { stroke: colour('--rule'), width: 1 }
  return {
    ...sizeOf(place),
    pxAlign: 0,
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.1, 1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 60, values: (_, times) => times.map((at) => clock(at * 1e3)) },
      { ...axis, grid, size: 58, space: 26, values: (_, values) => values.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ colour: name }) => ({
        stroke: colour(name), width: 1.5, spanGaps: false, points: { show: false },
      })),
    ],
    hooks: { setCursor: [({ cursor: { idx } }) => point(idx ?? null)] },
  }
}

function sizeOf(place: HTMLElement): { width: number; height: number } {
  return { width: Math.max(120, place.clientWidth), height: Math.max(80, place.clientHeight) }
}

function dataOf(history: readonly Sample[], lines: readonly Line[]): UPlot.AlignedData {
  const column = (field: Line['field']): (number | null)[] => {
    const at = sampleFields.indexOf(field)
    return history.map((sample) => sample[at] ?? null)
  }
  const times = column('at').map((at) => (at ?? 0) / 1_000)
  return [times, ...lines.map(({ field }) => column(field))]
}
