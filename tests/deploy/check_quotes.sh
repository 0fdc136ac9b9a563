#!/usr/bin/env bash
# check_quotes.sh SOURCE: each manifest that README.md shows is a whole file below deploy/, and the
# first two examples are shown.
set -euo pipefail
cd "$1"
blocks=$(mktemp -d)
trap 'rm -rf "$blocks"' EXIT
failures=0
fails() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

awk -v folder="$blocks" '
  /^```yaml$/ { file = sprintf("%s/%04d", folder, ++count); next }
  /^```/ { file = ""; next }
  file != "" { print >file }
' README.md
shown=' '
for block in "$blocks"/*; do
  found=''
  for file in deploy/*/*.yaml; do
    if cmp -s "$block" "$file"; then found=$file; fi
  done
  [[ -n $found ]] || fails "README.md shows what is no file below deploy: $(head -3 "$block")"
  shown+="$found "
done
for file in deploy/{cronjob/{cronjob,lock},daemonset/{daemonset,lock}}.yaml; do
  [[ $shown == *" $file "* ]] || fails "README.md does not show $file"
done
((failures == 0)) || exit 1
