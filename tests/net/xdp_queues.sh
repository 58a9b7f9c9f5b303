#!/usr/bin/env bash
# Interfaces with several receive queues: what is bound is served, what is not bound is said.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root

start() {
    out=$lab_directory/reflect
    lab_start_on_coax "$out" "$COAX_BIN/net_xdp_reflect" "$@"
    reflect=$lab_pid
    lab_await "$out" ready: || exit 1
}

# Many sockets: the peer's kernel spreads them over its transmit queues.
ask() { lab_on_peer "$COAX_BIN/net_udp_ask" $lab_coax_ip 7 "$@"; }

for mode in native skb; do
    lab_make xdp-queues --queues 4 || exit 1
    start "xdp:lab0,ip=$lab_coax_ip/24,mode=$mode,queues=4"
    lab_check "all queues are told" grep -q "queues 0, 1, 2, 3" "$out"
    lab_check "no note is needed" test "$(grep -c note: "$out")" = 0
    lab_check "datagrams over all queues, $mode" ask 4000 200 64
    lab_end "$reflect"
    lab_check "the program ends in order" test $? = 0

    start "xdp:lab0,ip=$lab_coax_ip/24,mode=$mode,queue=1,queues=2"
    note="note: lab0 spreads frames over 4 receive queues and coax has 2:"
    lab_check "the unbound queues are told, with a remedy" \
        grep -q "$note.*ethtool -L lab0 rx 1;.*queues=4" "$out"
    unheard() { ! timeout 1 ip netns exec "$lab_peer_ns" "$COAX_BIN/net_udp_ask" "$@"; }
    lab_check "frames by unbound queues don't arrive" unheard $lab_coax_ip 7 100 100 64
    lab_end "$reflect"
done
