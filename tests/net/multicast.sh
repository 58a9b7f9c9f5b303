#!/usr/bin/env bash
# Groups over AF_XDP with the kernel at the other end of the veth, or behind a bridge of the kernel
# that snoops: either side joins, the other one sends, in one packet and in fragments; the bridge
# learns from coax's reports and leaves; the kernel beside coax keeps its own groups.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root

group=239.1.2.3
alias=239.129.2.3 # the same Ethernet address
large=$(head -c 5000 /dev/zero | tr '\0' L)

own() { lab_on_coax timeout 60 "$COAX_BIN/net_udp_coax" "$backend" "$@"; }
plain() { lab_on_peer timeout 60 "$COAX_BIN/net_udp_asio" "$@"; }

hears() { # FILE SIZE TEXT FROM
    lab_await "$1" "heard $2 bytes, $3, from $4" || exit 1
}
stop() { # PID FILE
    lab_end "$1"
    lab_check "who hears ends in order: $(cat "$2")" test $? = 0
}
# mdb TIMES: so many ports of the bridge are in the group, sooner or later.
mdb() {
    local turns=500
    until [ "$(bridge -n "$lab_peer_ns" mdb show dev br0 | grep -c "port $lab_peer_if .*$group")" \
        = "$1" ]; do
        if [ $((turns -= 1)) -le 0 ]; then
            echo "FAILED: the bridge's table: $(bridge -n "$lab_peer_ns" mdb show)" >&2
            exit 1
        fi
        sleep 0.02
    done
}

for mode in native skb; do
    lab_make multicast || exit 1
    backend=xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix,mode=$mode

    # The kernel hears coax.
    log=$lab_directory/kernel
    lab_start_on_peer "$log" "$COAX_BIN/net_udp_asio" hear $group 7 $lab_peer_ip
    kernel=$lab_pid
    lab_await "$log" ready || exit 1
    lab_check "the kernel is in the group" \
        grep -q $group <(ip -n "$lab_peer_ns" maddr show dev $lab_peer_if)
    lab_check "coax says something" own say $group 7 $lab_coax_ip hello "$large"
    hears "$log" 5 hello $lab_coax_ip
    hears "$log" 5000 LLLLLLLLLLLLLLLLLLLL $lab_coax_ip

    # coax hears the kernel, and nothing of what it has not joined.
    out=$lab_directory/coax
    lab_start_on_coax "$out" "$COAX_BIN/net_udp_coax" "$backend" hear $group 7 $lab_coax_ip
    coax=$lab_pid
    lab_await "$out" ready || exit 1
    lab_check "the interface lets the group in" \
        grep -q 01:00:5e:01:02:03 <(ip -n "$lab_coax_ns" maddr show dev $lab_coax_if)
    lab_check "the kernel says something" plain say $group 7 $lab_peer_ip hello "$large"
    hears "$out" 5 hello $lab_peer_ip
    hears "$out" 5000 LLLLLLLLLLLLLLLLLLLL $lab_peer_ip
    lab_check "to another group" plain say $alias 7 $lab_peer_ip alias
    lab_check "to another port" plain say $group 8 $lab_peer_ip port
    lab_check "to the group" plain say $group 7 $lab_peer_ip again
    hears "$out" 5 again $lab_peer_ip
    lab_check "coax hears what it has not joined: $(cat "$out")" test "$(grep -c heard "$out")" = 3

    # The kernel beside coax has groups of its own; one that it has joined is refused to coax.
    lab_start_on_coax "$lab_directory/beside" "$COAX_BIN/net_udp_asio" hear 239.9.9.9 7 \
        $lab_kernel_ip
    beside=$lab_pid
    lab_await "$lab_directory/beside" ready || exit 1
    lab_check "to the kernel beside" plain say 239.9.9.9 7 $lab_peer_ip beside
    hears "$lab_directory/beside" 6 beside $lab_peer_ip
    stop "$coax" "$out"
    lab_check "counted" test "$(lab_field "$out" igmp.leaves_sent)" = 1
    lab_check "nothing of it is left at the interface" test -z \
        "$(ip -n "$lab_coax_ns" maddr show dev $lab_coax_if | grep 01:00:5e:01:02:03)"
    own hear 239.9.9.9 7 $lab_coax_ip >"$out" 2>&1
    lab_check "a group of the kernel is refused, of: $(cat "$out")" \
        grep -q "Address already in use" "$out"
    stop "$beside" "$lab_directory/beside"
    stop "$kernel" "$log"

    # A bridge that snoops: it forwards to those ports whose reports it has heard.
    ip -n "$lab_peer_ns" link add br0 type bridge mcast_snooping 1 mcast_querier 1 \
        mcast_last_member_interval 10 mcast_startup_query_interval 10 || exit 1
    ip -n "$lab_peer_ns" address flush dev $lab_peer_if
    ip -n "$lab_peer_ns" address add $lab_peer_ip/$lab_prefix dev br0
    ip -n "$lab_peer_ns" link set $lab_peer_if master br0
    ip -n "$lab_peer_ns" link set br0 up
    lab_start_on_coax "$out" "$COAX_BIN/net_udp_coax" "$backend" hear $group 7 $lab_coax_ip
    coax=$lab_pid
    lab_await "$out" ready || exit 1
    mdb 1
    stop "$coax" "$out"
    mdb 0
done
exit 0
