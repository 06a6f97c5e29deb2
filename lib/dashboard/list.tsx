import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

/** A column of a list. */
export interface Column<Row> {
  readonly id: string
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  /** What rows are sorted by; without it they cannot be. */
  readonly by?: (row: Row) => number | string
}

/** What a list shows. */
export interface ListProps<Row> {
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** Shown in place of rows. */
  readonly empty: string
  /** Names the widths of the columns; see style.css. */
  readonly className: string
  readonly chosen?: string | undefined
  readonly onChoose?: (row: Row) => void
  readonly sorting?: Sorting
  readonly onSort?: (sorting: Sorting) => void
}

/** By which column, and which way. */
export interface Sorting {
  readonly id: string
  readonly isDown: boolean
}

/** Height of a row; the same in style.css. */
const rowHeight = 28
/** Rows drawn beyond what is to be seen, so that scrolling shows no gap. */
const spare = 6

/** A list of any length: only rows that can be seen are drawn. */
export function List<Row>(props: ListProps<Row>) {
  const { label, columns, rows, keyOf, empty, className, chosen, onChoose, sorting, onSort } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  useLayoutEffect(() => {
    const { current } = scroller
    if (!current) return undefined
    const observer = new ResizeObserver(() => setHeight(current.clientHeight))
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight) - spare, rows.length - 1))
  const shown = rows.slice(first, first + Math.ceil(height / rowHeight) + 2 * spare)
  const at = chosen === undefined ? -1 : rows.findIndex((row) => keyOf(row) === chosen)

  const step = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    const next = rows[at < 0 ? 0 : at + by]
    if (by === 0 || !onChoose || !next) return
    event.preventDefault()
    onChoose(next)
  }
  useEffect(() => {
    const { current } = scroller
    if (!current || at < 0) return
    const [from, to] = [at * rowHeight, (at + 2) * rowHeight]
    if (from < current.scrollTop) current.scrollTop = from
    else if (to > current.scrollTop + current.clientHeight) current.scrollTop = to - current.clientHeight
  }, [at])

  return (
    <div
      class={`list ${className}`} ref={scroller} tabIndex={0} role="region" aria-label={label} onKeyDown={step}
      onScroll={({ currentTarget }) => setTop(currentTarget.scrollTop)}
    >
      <div role="table" aria-label={label} aria-rowcount={rows.length + 1}>
        <div class="row head" role="row" aria-rowindex={1}>
          {columns.map((column) => <Head key={column.id} {...{ column, sorting, onSort }} />)}
        </div>
        <div class="body" role="rowgroup" style={{ height: `${rows.length * rowHeight}px` }}>
          {shown.map((row, i) => {
            const key = keyOf(row)
            return (
              <div
                key={key} class={`row${key === chosen ? ' chosen' : ''}`} role="row" aria-rowindex={first + i + 2}
                style={{ transform: `translateY(${(first + i) * rowHeight}px)` }}
                onClick={onChoose && (() => onChoose(row))}
              >
                {columns.map(({ id, cell }) => <div key={id} role="cell" class={`cell c-${id}`}>{cell(row)}</div>)}
              </div>
            )
          })}
        </div>
      </div>
      {rows.length === 0 && <p class="empty">{empty}</p>}
    </div>
  )
}

function Head<Row>({ column, sorting, onSort }: {
  readonly column: Column<Row>
  readonly sorting: Sorting | undefined
  readonly onSort: ((sorting: Sorting) => void) | undefined
}) {
  const { id, title, by } = column
  const isSorted = sorting?.id === id
  const direction = sorting?.isDown ? 'descending' : 'ascending'
  if (!by || !onSort) return <div role="columnheader" class={`cell c-${id}`}>{title}</div>
  return (
    <div role="columnheader" class={`cell c-${id}`} aria-sort={isSorted ? direction : 'none'}>
      <button type="button" onClick={() => onSort({ id, isDown: isSorted && !sorting.isDown })}>
        {title}{isSorted && <span aria-hidden="true">{sorting.isDown ? ' ↓' : ' ↑'}</span>}
      </button>
    </div>
  )
}

/** Rows in the order that was asked for. */
export function sorted<Row>(
  rows: Iterable<Row>, columns: readonly Column<Row>[], { id, isDown }: Sorting, keyOf: (row: Row) => string,
): Row[] {
  const by = columns.find((column) => column.id === id)?.by ?? keyOf
  const sign = isDown ? -1 : 1
  return [...rows]
    .map((row) => ({ row, value: by(row), key: keyOf(row) }))
    .sort((a, b) => {
      if (a.value !== b.value) return a.value < b.value ? -sign : sign
      return a.key < b.key ? -1 : 1
    })
    .map(({ row }) => row)
}
