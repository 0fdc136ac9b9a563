#!/usr/bin/env bash
# run_commands.sh MONOPOD FILE.md: runs every command of a document, in order, in one shell and one
# fresh folder with a store of its own, and fails at the first that does not do what is written.
#
#   ```sh        runs as a whole, and must succeed.
#   ```console   each "$ " line runs and must succeed; the lines below it are what it prints, both
#                streams, where <words> stands for anything and spaces count once. A command that
#                ends in & is a second terminal: the next one runs when its monopod has logged that
#                it holds or waits, and its output is not compared, nor is the shell's word that
#                it was killed.
#
# Blocks of other languages are not run. What the reader has and this test has not:
#   a terminal    monopod logs here as it does on one, in text;
#   the checkout  ./dev and build/release/monopod are stand-ins for the MONOPOD that is tested,
#                 and monopod is on the PATH from the beginning;
#   a cluster     where a command names etcd, ETCDCTL_ENDPOINTS leads to one that is fresh.
set -euo pipefail
monopod=$(readlink -f "$1")
document=$(readlink -f "$2")

folder=$(mktemp -d)
mkdir -p "$folder/checkout/build/release" "$folder/state" "$folder/blocks"
output=$folder/output
: >"$output"
current=
etcd=
# A command may fail while its output is redirected: what is said then goes to the real stderr.
exec {stderr}>&2

fail() {
  current=
  printf '%s: %s; what it printed:\n' "$document" "$1" >&"$stderr"
  cat "$output" >&"$stderr"
  exit 1
}

cleanup() {
  local status=$? pids
  [[ $status == 0 || -z $current ]] || (fail "\"$current\" fails") || true
  mapfile -t pids < <(jobs -p)
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  [[ -z $etcd ]] || kill -9 "$etcd" || true
  wait
  rm -rf "$folder"
}
trap cleanup EXIT

cat >"$folder/checkout/build/release/monopod" <<END
#!/usr/bin/env bash
case " \$* " in
  *' --log-format '*) exec "$monopod" "\$@" ;;
  *) exec "$monopod" --log-format text "\$@" ;;
esac
END
cat >"$folder/checkout/dev" <<END
#!/usr/bin/env bash
[[ \$1 == monopod ]] && shift && exec "$folder/checkout/build/release/monopod" "\$@"
END
chmod +x "$folder/checkout/dev" "$folder/checkout/build/release/monopod"

# One file a block: 0001.sh, 0002.console, ...
awk -v folder="$folder/blocks" '
  /^```(sh|console)$/ { file = sprintf("%s/%04d.%s", folder, ++count, substr($0, 4)); next }
  /^```/ { file = ""; next }
  file != "" { print >file }
' "$document"

# The text that a documented line stands for, as a regular expression.
# shellcheck disable=SC2016
pattern_of() {
  sed -E 's/[][\.*^$()+?{}|/]/\\&/g; s/<[a-z ]+>/.+/g; s/ +/ /g; s/^/^/; s/$/$/' <<<"$1"
}

# Compares what was printed with the documented lines in `expected`.
check_output() {
  local command=$1 printed i
  [[ -n $command && $command != *'&' ]] || return 0
  # No process substitution, which would change the document's $!
  grep -vE '^[^ ]*run_commands.sh: line [0-9]+: +[0-9]+ Killed' "$output" |
    tr -s ' ' >"$folder/printed" || true
  mapfile -t printed <"$folder/printed"
  ((${#printed[@]} == ${#expected[@]})) ||
    fail "\"$command\" prints ${#printed[@]} lines, not ${#expected[@]}"
  for i in "${!expected[@]}"; do
    grep -qE -- "$(pattern_of "${expected[$i]}")" <<<"${printed[$i]}" ||
      fail "\"$command\" does not print: ${expected[$i]}"
  done
}

# Starts a command that ends in &, and waits until its monopod holds or waits.
run_in_background() {
  local line
  rm -f "$folder/background"
  mkfifo "$folder/background"
  eval "${1%&} >'$folder/background' 2>&1 &"
  # The descriptor stays open: what else the command prints has somewhere to go.
  exec {background}<"$folder/background"
  while read -r -t 60 -u "$background" line; do
    printf '%s\n' "$line" >>"$output"
    [[ ! $line =~ (acquired|taken-over|waiting) ]] || return 0
  done
  fail "\"$1\" neither holds nor waits"
}

# Each command of the block must succeed. Not in a condition: errexit would be off inside.
run_script() {
  current=$1
  commands=$((commands + 1))
  eval "$1" >"$output" 2>&1
  current=
}

run_console() {
  local command='' line expected=()
  while IFS= read -r line <&3; do
    if [[ $line != '$ '* ]]; then
      expected+=("$line")
      continue
    fi
    check_output "$command"
    command=${line#'$ '}
    expected=()
    commands=$((commands + 1))
    : >"$output"
    case $command in
      *'&') run_in_background "$command" ;;
      *) eval "$command" >"$output" 2>&1 || fail "\"$command\" fails" ;;
    esac
  done 3<"$1"
  check_output "$command"
}

# Starts an etcd on ports that nobody has, and waits until it answers.
start_etcd() {
  local port data
  while true; do
    port=$((12000 + RANDOM % 20000))
    data=$folder/etcd-$port
    : >"$data.log"
    etcd --data-dir "$data" --name "$port" --initial-cluster "$port=http://127.0.0.1:$((port + 1))" \
      --initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
      --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
      --listen-client-urls "http://127.0.0.1:$port" \
      --advertise-client-urls "http://127.0.0.1:$port" >>"$data.log" 2>&1 &
    etcd=$!
    # `wait` and `jobs` are the document's.
    disown "$etcd"
    # Until it says so, or ends, perhaps since the port is taken.
    if grep -q 'ready to serve client requests' < <(tail -f -n +1 --pid="$etcd" "$data.log"); then
      export ETCDCTL_ENDPOINTS=http://127.0.0.1:$port ETCDCTL_API=3
      return
    fi
  done
}

cd "$folder/checkout"
export PATH=$folder/checkout/build/release:$PATH
export XDG_STATE_HOME=$folder/state MONOPOD_STORE=sqlite:$folder/locks.db
if grep -q etcd "$folder"/blocks/* 2>/dev/null; then start_etcd; fi
commands=0
for block in "$folder"/blocks/*; do
  case $block in
    *.sh) run_script "$(cat "$block")" ;;
    *.console) run_console "$block" ;;
  esac
done
((commands > 0)) || fail 'has no command'
echo "$document: $commands commands"
