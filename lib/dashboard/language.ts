/**
 * Some browsers name a language that `Intl` does not take (`en-US@posix`, for one started without a locale), and the
 * charts ask for it as soon as they are loaded. To be imported before them.
 */
try {
  Intl.getCanonicalLocales(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US' })
}
