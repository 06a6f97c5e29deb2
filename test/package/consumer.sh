#!/usr/bin/env bash
# Uses a packed tarball as a stranger would: looks at it, installs it in an empty project, imports it, requires it, does
# what the documents say, compiles against its types, runs its command.
# Usage: test/package/consumer.sh telepathine-1.0.0.tgz
set -euo pipefail

tarball=$(realpath "$1")
fixtures=$(realpath "$(dirname "$0")/fixtures")
top=$(realpath "$(dirname "$0")/../..")
project=$(mktemp -d "${TMPDIR:-/tmp}/telepathine-consumer.XXXXXX")
trap 'rm -rf "$project"' EXIT

cd "$top"
npx --no-install -- publint --strict "$tarball"
npx --no-install -- attw "$tarball" --profile esm-only

cd "$project"
cp "$fixtures"/* .

echo '{ "name": "consumer", "private": true }' > package.json
npm install --no-audit --no-fund --prefer-offline "$tarball"
npm ls --all

node doors.mjs
node doors.cjs
node page.mjs
# The engines of durable work are not installed with it: one that is missing is named, one that is there works.
node engines.mjs
npm install --no-audit --no-fund --prefer-offline lmdb@3
(cd "$top" && TELEPATHINE_INSTALLED=$project npx --no-install -- tap test/readme.test.ts test/docs.test.ts)

# Nothing but the compiler and Node's types: a declaration that leans on our devDependencies fails here.
npm install --no-audit --no-fund --prefer-offline --save-dev typescript@6 @types/node@20
strict=(--noEmit --strict --exactOptionalPropertyTypes --target es2023 --lib es2023,esnext.disposable --types node)
node_modules/.bin/tsc "${strict[@]}" --module nodenext esm.mts commonjs.cts
node_modules/.bin/tsc "${strict[@]}" --module node20 esm.mts commonjs.cts
echo 'types: ESM and CommonJS consumers compile under nodenext and node20'

npx --no-install -- telepathine --help
if node_modules/.bin/telepathine no-such-command 2> refused.txt; then
  echo 'an unknown command exits with 0' >&2
  exit 1
fi
[ "$(wc -l < refused.txt)" -eq 1 ] || { echo 'an unknown command should say one line:'; cat refused.txt; exit 1; } >&2
timeout 60 npx --no-install -- telepathine demo
npx --no-install -- telepathine simulate converge --peers 20 --json > converge.json
node -e 'if (JSON.parse(fs.readFileSync("converge.json", "utf8")).violations.length > 0) process.exit(1)'
