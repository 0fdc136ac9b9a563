#!/usr/bin/env bash
# check_includes.sh ROOT: names every include under ROOT that breaks the order of the layers,
# and fails if there is one. Arrows point one way, so that each folder can be understood, tested
# and simulated with only what is below it.
set -euo pipefail
cd "${1:?usage: check_includes.sh ROOT}"

# A folder, and the folders that it may include from. include/monopod is open to all, and
# tests/support to tests.
layers='
  base       base
  protocol   base protocol
  store      base protocol store
  etcd       base protocol etcd
  kube       base protocol kube
  lock       base protocol store etcd kube lock
  supervise  base supervise
  election   base protocol store kube lock election
  observe    base protocol observe
  doctor     base protocol store etcd doctor
  cli        base protocol store etcd kube lock supervise election observe doctor cli
  sim        base protocol etcd kube sim
  bench      base protocol store etcd lock supervise bench
  fuzz       base protocol store etcd kube lock supervise observe cli fuzz
  include
  examples
'

folders=()
for folder in include src sim bench fuzz examples; do
  [[ ! -d $folder ]] || folders+=("$folder")
done

# shellcheck disable=SC2016
program='
function folder_of(path,   part) {
  split(path, part, "/")
  return part[1] == "src" ? part[2] : part[1]
}
function forbid(why) {
  printf "%s:%d: %s\n", FILENAME, FNR, why
  found = 1
}
BEGIN {
  count = split(layers, row, "\n")
  for (i = 1; i <= count; i++) {
    size = split(row[i], word, " ")
    if (size > 0) known[word[1]] = 1
    for (j = 2; j <= size; j++) allowed[word[1], word[j]] = 1
  }
}
FNR == 1 {
  from = folder_of(FILENAME)
  test = FILENAME ~ /_test\.cc$/
  if (!(from in known)) forbid("folder \"" from "\" has no place among the layers")
}
/^[ \t]*#[ \t]*include[ \t]*["<]/ {
  match($0, /["<][^">]*/)
  quoted = substr($0, RSTART, 1) == "\""
  header = substr($0, RSTART + 1, RLENGTH - 1)
  inside = header ~ /^(src|sim|bench|fuzz|examples|tests)\//
  if (header ~ /^monopod\// || ((test || from == "bench") && header ~ /^tests\/support\//)) next
  if (inside && !((from, folder_of(header)) in allowed))
    forbid(from " must not include " header)
  if (quoted && !inside)
    forbid("\"" header "\" is not a path from the root of the project")
  if (from == "include" && !inside && header !~ /^([a-z_]+|tl\/expected\.hpp)$/)
    forbid("a public header must not include " header)
  if (from == "protocol" && !test &&
      header ~ /^(sys\/.*|unistd\.h|fcntl\.h|pthread\.h|thread|mutex|condition_variable|fstream)$/)
    forbid("the protocol does no I/O and has no thread: " header)
  if (header ~ /^sqlite3/ && from != "store" && from != "bench")
    forbid("SQLite stays in src/store: " header)
  client = FILENAME ~ /^src\/etcd\/client\//
  kube_client = FILENAME ~ /^src\/kube\/client\//
  if (header ~ /^(grpc|google\/protobuf|src\/etcd\/client\/proto)/ &&
      !(client && FILENAME ~ /(\.cc|\/stubs\.h)$/))
    forbid("gRPC and its messages stay in src/etcd/client/*.cc: " header)
  if (header ~ /^(openssl|boost)\// && !((client || kube_client) && FILENAME ~ /\.cc$/))
    forbid("Boost and OpenSSL stay in src/kube/client/*.cc and src/etcd/client/*.cc: " header)
  if (header ~ /^src\/etcd\/client\// && !client && !test &&
      (from == "etcd" || header !~ /\/client(_options)?\.h$/))
    forbid("the client of etcd is reached by client.h and client_options.h: " header)
  if (header ~ /^src\/kube\/client\// && !kube_client && !test && from != "fuzz" &&
      (from == "kube" || header !~ /\/(client|access)\.h$/))
    forbid("the client of Kubernetes is reached by client.h and access.h: " header)
  if (header ~ /^CLI\// && from != "cli" && from != "sim")
    forbid("CLI11 stays where flags are read: " header)
}
END { exit found }
'
find "${folders[@]}" \( -name '*.h' -o -name '*.cc' \) -print0 | sort -z |
  xargs -0 --no-run-if-empty awk -v layers="$layers" "$program"
