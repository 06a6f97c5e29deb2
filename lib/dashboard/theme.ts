/** Where the choice is kept. */
const storageKey = 'telepathine.theme'

/** `auto` is what the system prefers. */
export type Theme = 'auto' | 'light' | 'dark'

const themes: readonly Theme[] = ['auto', 'light', 'dark']

/** The theme that was chosen. */
export function currentTheme(): Theme {
  return themes.find((theme) => theme === kept()) ?? 'auto'
}

/** Shows the theme that was chosen when the page was open last. */
export function restoreTheme(): void {
  show(currentTheme())
}

/** Goes on to the next; returns it. */
export function nextTheme(): Theme {
  const next = themes[(themes.indexOf(currentTheme()) + 1) % themes.length] ?? 'auto'
  chosen = next
  try {
    localStorage.setItem(storageKey, next)
  } catch {
    // then it lasts as long as the page does
  }
  show(next)
  return next
}

let chosen: Theme | undefined

/** What was chosen, here or the last time. A browser may keep nothing. */
function kept(): string | null {
  try {
    return chosen ?? localStorage.getItem(storageKey)
  } catch {
    return null
  }
}

function show(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}
