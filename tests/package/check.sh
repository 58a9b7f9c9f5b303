#!/bin/bash
# What a stranger does with an installed coax: find_package(coax), pkg-config, the program.
# Started by ctest: COAX_BUILD is the build that is installed, COAX_SOURCE the tree.
set -euo pipefail
: "${COAX_BUILD:?set by ctest}" "${COAX_SOURCE:?set by ctest}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
consumer=$COAX_SOURCE/tests/package/consumer

run() {
    echo "+ $*"
    "$@" >"$work/log" 2>&1 || {
        status=$?
        cat "$work/log"
        exit "$status"
    }
}

# on_both PROGRAM: the same program on coax's own stack and on the kernel's sockets.
on_both() {
    run "$1"
    run "$1" kernel
}

run cmake --install "$COAX_BUILD" --prefix "$prefix"
# Our own tree stays out of sight: what is not installed is not found.
mkdir "$work/consumer"
cp "$consumer"/* "$work/consumer/"

run cmake -S "$work/consumer" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_BUILD_TYPE=Debug
run cmake --build "$work/build"
on_both "$work/build/consumer"

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name coax.pc)")
export PKG_CONFIG_PATH
# Without it Asio would be there twice.
pkg-config --cflags coax | grep -q BOOST_ASIO_SEPARATE_COMPILATION
read -ra flags < <(pkg-config --cflags --libs coax)
run "${CXX:-g++}" -std=c++20 "$work/consumer/main.cpp" -o "$work/by_pkg_config" "${flags[@]}"
on_both "$work/by_pkg_config"

run "$prefix/bin/coax" --version
run "$prefix/bin/coax" backends
# Nothing of this machine's tree may stand in what is installed as text.
if grep -rl -e "$COAX_SOURCE" -e "$COAX_BUILD" "$prefix/include" "$prefix"/lib*/cmake \
    "$prefix"/lib*/*/cmake "$prefix"/lib*/*/pkgconfig "$prefix"/lib*/pkgconfig 2>/dev/null; then
    echo "these files name the folder they were built in" >&2
    exit 1
fi
echo "package: both consumers ran on both backends"
