/** Resolves when something is settled, whichever way, and at the latest after so many milliseconds. */
export async function settled(what: Promise<unknown>, withinMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, withinMs)
    const end = (): void => {
      clearTimeout(timer)
      resolve()
    }
    what.then(end, end)
  })
}
