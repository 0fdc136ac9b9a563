#!/usr/bin/env bash
# The checkers themselves: each thing they forbid is found in a tree that has only that fault,
# and a tree without fault passes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# given PATH TEXT: the tree is that one file.
given() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/$(dirname "$1")"
  printf '%s\n' "$2" >"$tree/$1"
}
fails() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
passes() { "$here/$1" "$tree" >/dev/null || fails "$1 refuses what is allowed: $2"; }
finds() {
  if "$here/$1" "$tree" >/dev/null; then fails "$1 overlooks $2"; fi
}

allowed_include() { given "$1" "#include $2"; passes check_includes.sh "$1 includes $2"; }
forbidden_include() { given "$1" "#include $2"; finds check_includes.sh "$1 includes $2"; }

allowed_include src/protocol/a.h '"src/base/b.h"'
allowed_include src/protocol/a.h '"monopod/result.h"'
allowed_include src/protocol/a.h '<vector>'
allowed_include src/store/a.cc '<sqlite3.h>'
allowed_include src/cli/a.cc '"src/supervise/b.h"'
allowed_include sim/a.cc '"src/protocol/b.h"'
allowed_include src/lock/a_test.cc '"tests/support/b.h"'
allowed_include include/monopod/a.h '<tl/expected.hpp>'
allowed_include src/etcd/a.h '"src/protocol/b.h"'
allowed_include src/lock/a.cc '"src/etcd/client/client.h"'
allowed_include src/etcd/client/a.cc '<grpcpp/grpcpp.h>'
allowed_include src/etcd/client/stubs.h '"src/etcd/client/proto/rpc.grpc.pb.h"'
allowed_include src/kube/a.h '"src/protocol/b.h"'
allowed_include src/lock/a.cc '"src/kube/client/access.h"'
allowed_include src/kube/client/a.cc '<boost/beast.hpp>'
allowed_include src/kube/client/a.cc '<openssl/ssl.h>'
forbidden_include src/base/a.h '"src/protocol/b.h"'
forbidden_include src/base/a_test.cc '"src/lock/b.h"'
forbidden_include src/protocol/a.h '"src/store/b.h"'
forbidden_include src/protocol/a.cc '<unistd.h>'
forbidden_include src/store/a.h '"src/lock/b.h"'
forbidden_include src/lock/a.h '"src/observe/b.h"'
forbidden_include src/supervise/a.cc '"src/lock/b.h"'
forbidden_include src/observe/a.cc '"src/store/b.h"'
forbidden_include src/lock/a.cc '  "src/cli/b.h"'
forbidden_include src/lock/a.cc '<sqlite3.h>'
forbidden_include src/lock/a.cc '"neighbour.h"'
forbidden_include src/lock/a.cc '"tests/support/b.h"'
forbidden_include src/etcd/a.h '"src/store/b.h"'
forbidden_include src/etcd/a.cc '"src/etcd/client/client.h"'
forbidden_include src/etcd/a.cc '<grpcpp/grpcpp.h>'
forbidden_include src/etcd/client/a.h '<grpcpp/grpcpp.h>'
forbidden_include src/etcd/client/a.h '<openssl/ssl.h>'
forbidden_include src/lock/a.cc '"src/etcd/client/proto/rpc.pb.h"'
forbidden_include src/lock/a.cc '"src/etcd/client/caller.h"'
forbidden_include src/kube/a.h '"src/etcd/b.h"'
forbidden_include src/kube/a.cc '"src/kube/client/client.h"'
forbidden_include src/kube/a.cc '<boost/beast.hpp>'
forbidden_include src/kube/client/a.h '<boost/beast.hpp>'
forbidden_include src/kube/client/a.h '<openssl/ssl.h>'
forbidden_include src/kube/client/a.cc '<grpcpp/grpcpp.h>'
forbidden_include src/lock/a.cc '"src/kube/client/dialer.h"'
forbidden_include src/protocol/a.h '"src/etcd/b.h"'
forbidden_include src/unknown/a.cc '<vector>'
forbidden_include sim/a.cc '"src/lock/b.h"'
forbidden_include include/monopod/a.h '"src/base/b.h"'
forbidden_include include/monopod/a.h '<nlohmann/json.hpp>'
forbidden_include include/monopod/a.h '<sqlite3.h>'
forbidden_include examples/a.cc '"src/base/b.h"'

breaks_rule() { given "$1" "$2"; finds check_rules.sh "$2 in $1"; }

given src/base/a_test.cc 'TEST(A, B) { AwaitChange(deadline); }'
passes check_rules.sh 'a plain test'
breaks_rule src/base/a.h "// TO""DO: later"
breaks_rule src/base/a.cc "// FIX""ME"
breaks_rule src/base/a_test.cc 'GTEST_SKIP();'
breaks_rule src/base/a_test.cc 'TEST(A, DISABLED_B) {}'
breaks_rule src/base/a_test.cc 'std::this_thread::sleep_for(1s);'
breaks_rule tests/cli/a_test.sh 'sleep 1'
breaks_rule tests/cli/helper.cc 'usleep(100);'
breaks_rule src/base/a.cc "$(printf '// line\n%.0s' {1..501})"

((failures == 0)) || exit 1
