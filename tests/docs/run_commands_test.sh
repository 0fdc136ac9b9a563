#!/usr/bin/env bash
# run_commands_test.sh MONOPOD: run_commands.sh passes a true document, and finds the fault in one
# that has only that fault.
# shellcheck disable=SC2016  # the documents' own dollars and backticks
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
monopod=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# given LANGUAGE TEXT: a document with that one block.
given() { printf 'Some prose.\n\n```%s\n%s\n```\n' "$1" "$2" >"$folder/document.md"; }
verdict() { "$here/run_commands.sh" "$monopod" "$folder/document.md" >"$folder/said" 2>&1; }
passes() {
  given "$@"
  verdict || { echo "FAILED: refused: $2" && cat "$folder/said" && failures=$((failures + 1)); }
}
finds() {
  local expected=$1
  shift
  given "$@"
  if verdict || ! grep -qF -- "$expected" "$folder/said"; then
    echo "FAILED: not found: $expected" && cat "$folder/said" && failures=$((failures + 1))
  fi
}

passes sh 'monopod run a -- true'
passes sh 'x=1
test "$x" = 1'
passes console '$ monopod run a -- echo one
monopod: store sqlite:<path>; scope: this machine only
monopod: a: acquired with token 1
one
monopod: a: released, token 1'
passes console '$ monopod run a -- false; echo "code $?"
monopod: store <any text>
monopod: a: acquired with token 1
monopod: a: released, token 1
code 1'
passes console '$ ./dev monopod run a -- sleep 1000 &
$ monopod ls -o name
a
$ kill $!'
passes sh 'etcdctl put a b
monopod run a --store etcd: -- true'

finds 'has no command' text 'monopod run a -- true'
finds 'fails' sh 'monopod run a -- false'
finds 'fails' sh 'monopod run a --no-such-flag -- true'
finds 'fails' sh 'false
true'
finds 'fails' console '$ monopod no-such-command'
finds 'prints 1 lines, not 0' console '$ echo one'
finds 'prints 1 lines, not 2' console '$ echo one
one
two'
finds 'does not print: two' console '$ echo one
two'
finds 'does not print: o.e' console '$ echo one
o.e'
finds 'neither holds nor waits' console '$ monopod run a --no-such-flag -- true &'
((failures == 0)) || exit 1
