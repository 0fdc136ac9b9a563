#!/usr/bin/env bash
# check_rules.sh ROOT: names every line under ROOT that breaks a rule which no compiler knows
# (CONTRIBUTING.md has them), and fails if there is one.
set -euo pipefail
cd "${1:?usage: check_rules.sh ROOT}"

status=0
# forbid WHY PATTERN FILES...: no line of the files may match.
forbid() {
  local why=$1 pattern=$2 lines
  shift 2
  (($# > 0)) || return 0
  if lines=$(grep -nE "$pattern" /dev/null "$@"); then
    printf '%s\n   <- %s\n' "$lines" "$why"
    status=1
  fi
}

mapfile -t sources < <(find . \( -path ./build -o -path ./.git \) -prune -o \
  \( -name '*.h' -o -name '*.cc' -o -name '*.sh' -o -name '*.cmake' -o -name CMakeLists.txt \) -print |
  grep -v '^./tests/layering/' | sort)
mapfile -t tests < <(printf '%s\n' "${sources[@]}" | grep -E '_test\.(cc|sh)$|^\./tests/' || true)

forbid 'do it, or write down why not' '\b(TO''DO|FIX''ME|XX''X)\b' "${sources[@]}"
forbid 'a test that may not run proves nothing' '\b(GTEST_SKIP|DISABLED_)' "${sources[@]}"
forbid 'wait for the condition, with a deadline' \
  '\b(sleep_for|sleep_until|u?sleep|nanosleep|clock_nanosleep) *\(' "${tests[@]}"
forbid 'wait for the condition, with a deadline' '^ *sleep +[0-9.]' "${tests[@]}"

for file in "${sources[@]}"; do
  [[ $file =~ ^\./(src|include|sim|bench)/.*\.(h|cc)$ ]] || continue
  lines=$(wc -l <"$file")
  if ((lines > 500)); then
    echo "$file: $lines lines; more than 500 are more than one subject"
    status=1
  fi
done
exit "$status"
