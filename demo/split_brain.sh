#!/usr/bin/env bash
# split_brain.sh MONOPOD: three locks, each through a crash, a pause and a dead server, on an etcd of
# its own. Two workers add one to a counter under the lock. Whether they overlap, whether a write
# gets lost, and how long the second one waits is measured.
#
# The timestamp lock is what scripts do with a ConfigMap: look who holds it and since when, and write
# one's own name if that is nobody or too long ago. Here it is a key of etcd, so that all three locks
# are in one server.
set -euo pipefail

ttl=3         # seconds of silence after which a holder may be replaced
long_work=11  # seconds; outlasts every incident
short_work=1
patience=16   # seconds from the first worker's begin, after which an incident is over
locks=(timestamp etcdctl monopod)
self=$(readlink -f "${BASH_SOURCE[0]}")

die() {
  printf 'split-brain: %s\n' "$*" >&2
  exit 1
}
now() { date +%s.%N; }

# What the lock protects: reads a counter, takes its time, writes it plus one. It keeps a file locked
# meanwhile, as does all that it starts, and so finds out whether another one is still at it.
work() {
  local folder=$1 worker=$2 seconds=$3 count
  exec 9>>"$folder/alive"
  flock --nonblock 9 || echo "overlap $worker" >>"$folder/log"
  echo "begin $worker $(now)" >>"$folder/log"
  count=$(<"$folder/counter")
  sleep "$seconds"
  echo $((count + 1)) >"$folder/counter"
  echo "wrote $worker" >>"$folder/log"
}

client() { etcdctl --dial-timeout=1s --command-timeout=1s "$@"; }

# timestamp_lock KEY HOLDER COMMAND...
timestamp_lock() {
  local key=$1 me=$2 value holder since command
  shift 2
  while true; do
    if value=$(client get --print-value-only "$key"); then
      holder='' since=0
      read -r holder since <<<"$value" || true
      if [[ -z $holder ]] || (($(date +%s) - since > ttl)); then break; fi
    fi
    sleep 0.3
  done
  client put "$key" "$me $(date +%s)" || true
  "$@" &
  command=$!
  while kill -0 "$command"; do
    client put "$key" "$me $(date +%s)" || true
    sleep 0.5
  done
  client put "$key" ' ' || true
}

# start LOCK FOLDER WORKER SECONDS: a worker that waits for the lock. $! is what keeps it.
start() {
  local lock=$1 folder=$2 worker=$3 seconds=$4 name command
  name=$(basename "$folder")
  case $lock in
    timestamp) command=("$self" timestamp-lock "$name" "$worker") ;;
    etcdctl) command=(etcdctl lock --ttl "$ttl" "$name") ;;
    monopod)
      command=("$monopod" run "$name" --store "etcd://$ETCDCTL_ENDPOINTS" --ttl "${ttl}s"
        --wait forever --)
      ;;
  esac
  echo "ask $worker $(now)" >>"$folder/log"
  setsid "${command[@]}" "$self" work "$folder" "$worker" "$seconds" \
    >>"$folder/output" 2>&1 </dev/null &
  disown
  started+=("$!")
}

# The port of the server and that for its peers, which it has none of.
free_ports() {
  local port
  for _ in {1..50}; do
    port=$((20000 + RANDOM % 12000))
    if ! { : <"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null &&
      ! { : <"/dev/tcp/127.0.0.1/$((port + 1))"; } 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  die "no free ports"
}

start_server() {
  local client_url=http://$ETCDCTL_ENDPOINTS peer_url=http://127.0.0.1:$((port + 1))
  etcd --data-dir "$root/etcd" --listen-client-urls "$client_url" \
    --advertise-client-urls "$client_url" --listen-peer-urls "$peer_url" \
    --initial-advertise-peer-urls "$peer_url" --initial-cluster "default=$peer_url" \
    >>"$root/etcd.log" 2>&1 </dev/null &
  server=$!
  disown
  await 15 client get x >/dev/null 2>&1 || die "etcd does not start: $(tail -n 5 "$root/etcd.log")"
}

# await SECONDS COMMAND...: until it succeeds; fails if it does not in that time.
await() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}

# The time at which WORKER did WHAT: moment FOLDER WHAT WORKER
moment() { awk -v what="$2" -v worker="$3" '$1 == what && $2 == worker { print $3; exit }' "$1/log"; }
has_begun() { [[ -n $(moment "$1" begin "$2") ]]; }
count() { grep -c "^$2" "$1/log" || true; }

crash() { kill -KILL "$@"; }
pause() { kill -STOP "$@"; }
dead_server() {
  kill -KILL "$server"
  sleep $((ttl + 2))
  start_server
}

# try NAME INCIDENT: all three locks through the same incident, at once.
try() {
  local name=$1 incident=$2 lock folder keepers=() begun
  # A folder for each lock, which is called like it.
  local place=$root/${name/ /-}
  for lock in "${locks[@]}"; do
    folder=$place-$lock
    mkdir "$folder"
    echo 0 >"$folder/counter"
    start "$lock" "$folder" first "$long_work"
    keepers+=("$!")
  done
  for lock in "${locks[@]}"; do
    await 10 has_begun "$place-$lock" first || die "$lock: $(cat "$place-$lock/output")"
  done
  begun=$SECONDS
  for lock in "${locks[@]}"; do start "$lock" "$place-$lock" second "$short_work"; done
  sleep 1
  "$incident" "${keepers[@]}"
  sleep $((begun + patience - SECONDS))
  for lock in "${locks[@]}"; do report "$name" "$lock" "$place-$lock"; done
  end_started
}

report() {
  local name=$1 lock=$2 folder=$3 asked begun waited first=stopped
  asked=$(moment "$folder" ask second)
  begun=$(moment "$folder" begin second)
  if [[ -n $begun ]]; then
    waited=$(awk -v a="$asked" -v b="$begun" 'BEGIN { printf "%.1f s", b - a }')
  else
    waited="more than $((patience - 1)) s"
  fi
  (($(count "$folder" 'wrote first') == 0)) || first=finished
  printf '%-12s  %-10s  %8d  %11d  %-12s  %s\n' "$name" "$lock" "$(count "$folder" overlap)" \
    $(($(count "$folder" wrote) - $(<"$folder/counter"))) "$first" "$waited"
}

end_started() {
  local process
  for process in "${started[@]}"; do
    kill -KILL -- "-$process" 2>/dev/null || true
  done
  started=()
}

clean_up() {
  end_started
  if [[ -n $server ]]; then kill -KILL "$server" 2>/dev/null || true; fi
  rm -rf "$root"
}

main() {
  monopod=$(readlink -f "${1:?usage: split_brain.sh MONOPOD}")
  export ETCDCTL_API=3
  root=$(mktemp -d) server='' started=()
  trap clean_up EXIT
  port=$(free_ports)
  export ETCDCTL_ENDPOINTS=127.0.0.1:$port
  start_server
  cat <<INTRODUCTION
A worker holds each lock and works for $long_work s; a second one asks for it. Then
  crash        the process that keeps the lock is killed (SIGKILL),
  pause        it is stopped (SIGSTOP),
  dead server  etcd is killed, and started again after $((ttl + 2)) s.
The locks: timestamp, a key with a name and a time that is read and then written, as scripts do
with a ConfigMap; etcdctl lock; monopod run. Each replaces a holder that was silent for $ttl s.

incident      lock        overlaps  lost writes  first worker  the second waited
INTRODUCTION
  try crash crash
  try pause pause
  try 'dead server' dead_server
}

case ${1:-} in
  work) work "${@:2}" ;;
  timestamp-lock) timestamp_lock "${@:2}" ;;
  *) main "$@" ;;
esac
