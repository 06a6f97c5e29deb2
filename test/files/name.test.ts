import t from 'tap'
import { nameFault } from '../../lib/files/name.js'

const refused: Record<string, string[]> = {
  'the way out': ['..', '../x', 'a/../../x', 'a/..', '.', './a', 'a/./b'],
  'absolute paths': ['/', '/etc/passwd', '//server/share', 'C:', 'C:/x', 'c:x', '\\\\server\\share',
    '\\x', 'a\\..\\b', '\\\\?\\C:\\x'],
  'empty parts': ['', 'a//b', 'a/'],
  'control characters': ['a\0', '\0', 'a\u0000.txt', 'a\nb', 'a\u007fb', '\u001b[31m'],
  'what Windows reads otherwise': ['a:stream', 'a?', 'a*', 'a|b', '"a"', '<a>', 'a.', 'a ', 'a./b', '... '],
  'devices': ['CON', 'con', 'nul.txt', 'dir/NUL', 'COM1', 'lpt9.log', 'aux.tar.gz', 'CONIN$', 'com¹', 'nul .txt'],
  'half a character': ['a\ud800', '\udc00b'],
  'what is too long': ['x'.repeat(256), 'ü'.repeat(128), 'x/'.repeat(600) + 'x'],
  'files being written': ['.telepathine-partial-abc', 'a/.telepathine-partial-abc'],
}

for (const [what, names] of Object.entries(refused)) {
  t.test(`refuses ${what}`, async t => {
    for (const name of names) t.type(nameFault(name), 'string', JSON.stringify(name))
  })
}

t.test('allows what every system can hold', async t => {
  const names = ['a', 'a.txt', 'a/b/c', '.hidden', '...x', '..a', 'a..b', 'ü/日本語/😀.txt', 'e\u0301', 'with space',
    '__proto__', 'constructor', 'console', 'com', 'com10', 'null', "it's $(echo) %2e%2e `x`;", '-rf', '~',
    'x'.repeat(255)]
  for (const name of names) t.equal(nameFault(name), undefined, JSON.stringify(name))
})
