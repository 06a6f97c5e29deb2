/**
 * Lets what stands in the documents of the original be typed as it stands there: `Nanite.request('/mock/list', 'hi',
 * :all) {|res| p res }`. Symbols become strings, a block becomes the last argument, `p res` a call. None of these means
 * anything in JavaScript, so JavaScript passes unchanged.
 */
export function fromRuby(line: string): string {
  const typed = line.replace(/^>>\s*/, '')
  if (/^\s*#(?!\w)/.test(typed)) return '\n'
  return withoutSymbols(typed).replace(/\)\s*\{\s*\|([^|]*)\|\s*(.*?)\s*\}\s*$/s, (_, names: string, body: string) => {
    const statements = body.split(/[;\n]/).map((each) => each.trim().replace(/^(?:p|puts)\s+(.*)$/s, 'p($1)'))
    return `, (${names.trim()}) => { ${statements.join('; ')} })\n`
  })
}

/** Turns `, :all` into `, 'all'`, but not in texts. */
function withoutSymbols(line: string): string {
  return line.replaceAll(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|(,\s*):([a-z]\w*)/gs,
    (found: string, comma?: string, name?: string) => (name === undefined ? found : `${comma}'${name}'`))
}
