#!/usr/bin/env bash
# The raw AF_XDP reflection rate of a veth pair between two namespaces, both sides polling on a core
# of their own. Usage: COAX_BIN=DIRECTORY bench/reflect.sh [SECONDS] [WINDOW] [BYTES]
set -u
COAX_SOURCE=${COAX_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
COAX_BIN=${COAX_BIN:-$COAX_SOURCE/build/release/bin}
# shellcheck source=../tests/net/lib/lab.sh
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root

seconds=${1:-3} window=${2:-64} bytes=${3:-130}
last=$(($(nproc) - 1))
for mode in native skb; do
    lab_make reflect --no-kernel-address || exit 1
    lab_check "the peer's kernel leaves the address to coax" \
        ip -n "$lab_peer_ns" address flush dev lab1
    lab_start_on_coax "$lab_directory/serve" taskset -c "$last" "$COAX_BIN/bench_reflect" serve \
        "xdp:lab0,ip=$lab_coax_ip/24,mode=$mode"
    server=$lab_pid
    lab_await "$lab_directory/serve" ready: || exit 1
    printf '%-8s' "$mode"
    lab_on_peer taskset -c $((last > 0 ? last - 1 : 0)) "$COAX_BIN/bench_reflect" load \
        "xdp:lab1,ip=$lab_peer_ip/24,mode=$mode" \
        "$(lab_on_coax cat /sys/class/net/lab0/address)" $lab_coax_ip "$window" "$bytes" \
        "$seconds" | grep 'round trips'
    lab_end "$server"
done
