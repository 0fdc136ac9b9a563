#!/usr/bin/env bash
# install_test.sh BUILD SOURCE find_package|pkg-config: installs the build into a place of its
# own, builds the example against that copy as a stranger would, and runs it.
set -euo pipefail
build=$1 source=$2 way=$3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"
[[ $("$work/prefix/bin/monopod" --version) == *monopod* ]]
bash -n "$work/prefix/share/bash-completion/completions/monopod"
# Nothing of the checkout may help.
cp -r "$source/examples" "$work/examples"
cd "$work/examples"

case $way in
  find_package)
    cmake -G Ninja -S . -B out -DCMAKE_PREFIX_PATH="$work/prefix" >configure.log
    cmake --build out >build.log
    program=out/nightly_report
    ;;
  pkg-config)
    export PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
    read -ra flags <<<"$(pkg-config --cflags --libs monopod)"
    c++ -std=c++20 nightly_report.cc -o nightly_report "${flags[@]}"
    program=./nightly_report
    ;;
esac
"$program" "sqlite:$work/locks.db"
# A second run finds the lock released.
"$program" "sqlite:$work/locks.db"
