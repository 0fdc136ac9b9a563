#!/usr/bin/env bash
# references_test.sh MONOPOD SOURCE: what the documents name exists: commands, flags, exit codes,
# files, and the lines of the example.
# shellcheck disable=SC2016  # the documents' own dollars and backticks
set -euo pipefail
monopod=$1
cd "$2"
documents=(README.md docs/*.md docs/decisions/*.md)
failures=0
fails() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# same WHAT: the two files have the same lines, and not none.
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
same() {
  if ! [[ -s $here/documented ]] || ! diff "$here/documented" "$here/real" >"$here/difference"; then
    fails "$1 (< documented, > real):"
    cat "$here/difference"
  fi
}

"$monopod" --help | sed -nE '/^Subcommands:/,/^Ex/ s/^  ([a-z]+) .*/\1/p' | sort >"$here/real"
sed -nE '/^## Commands/,/^## Ex/ s/^\| `([a-z]+).*/\1/p' README.md | sort >"$here/documented"
same 'the commands in README.md'

sed -nE 's/^  k[A-Za-z]+ = ([0-9]+),.*/\1/p' src/cli/exit_code.h | grep -vx 128 | sort >"$here/real"
sed -nE '/^## Exit codes/,/^## In/ s/^\| ([0-9]+) .*/\1/p' README.md | sort >"$here/documented"
same 'the exit codes in README.md'

# Flags: those of monopod, of ./dev, of etcd and etcdctl, and of cmake where it is named.
mapfile -t commands < <("$monopod" --help | sed -nE '/^Subcommands:/,/^Ex/ s/^  ([a-z]+) .*/\1/p')
{
  "$monopod" --help
  for command in "${commands[@]}"; do "$monopod" "$command" --help; done
  "$monopod" doctor keys --help
  ./dev help
  etcd --help
  for command in get put lock 'role grant-permission'; do
    # shellcheck disable=SC2086  # two words
    etcdctl $command --help
  done
  # Of versions that Debian 12 has not.
  echo --bump-revision --mark-compacted
} 2>&1 | grep -oE -- '--[a-z][a-z-]+' | sort -u >"$here/flags"
sed 's/cmake --install//' README.md docs/{OPERATIONS,OUTPUT,PROTOCOL}.md |
  grep -oE -- '(^|[ `(])--[a-z][a-z-]+' |
  grep -oE -- '--.*' | sort -u >"$here/named"
[[ -s $here/named ]] || fails 'no flag was found in the documents'
while read -r flag; do
  grep -qxF -- "$flag" "$here/flags" || fails "the documents name $flag, which does not exist"
done <"$here/named"

# Links to files, and files named in backticks.
links=0
for document in "${documents[@]}"; do
  while read -r file; do
    links=$((links + 1))
    [[ -e $(dirname "$document")/$file || -e $file ]] || fails "$document names $file"
  done < <(grep -oE '\]\([^)#:]+\)|`(src|docs|tests|include|cmake|sim)/[a-zA-Z0-9_./-]+`' "$document" |
    sed -E 's/^\]\(//; s/^`//; s/[)`]$//' | sort -u)
done
((links > 0)) || fails 'no link was found in the documents'

# excerpt LANGUAGE FILE: each line of README's blocks in that language is a line of the file.
excerpt() {
  local line count=0
  while read -r line; do
    [[ -n $line ]] || continue
    count=$((count + 1))
    sed -E 's/^ +//' "$2" | grep -qxF -- "$line" || fails "README.md quotes, and $2 has not: $line"
  done < <(awk -v fence="^\`\`\`$1\$" '$0 ~ fence { on = 1; next } /^```/ { on = 0 } on' README.md)
  ((count > 0)) || fails "README.md quotes nothing of $2"
}
excerpt cpp examples/nightly_report.cc
excerpt cmake examples/CMakeLists.txt

((failures == 0)) || exit 1
