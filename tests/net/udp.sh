#!/usr/bin/env bash
# UDP over AF_XDP and on kernel sockets: `coax serve echo --udp` and the same program on coax and on
# plain Boost.Asio (lib/datagram_program.hpp), at either end; one packet, fragments, the largest
# datagram; what nobody listens to is refused.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root
lab_make udp || exit 1

# Whole packets, then fragments: two of them, three, six, and as many as there can be.
sizes="0 1 64 1472 1473 4000 8000 65507"

plain() { lab_on_peer timeout 100 "$COAX_BIN/net_udp_asio" "$@"; }
stop() { # WHAT
    lab_end "$lab_pid"
    lab_check "$1 ends in order: $(cat "$log")" test $? = 0
}
own() { lab_on_coax timeout 100 "$COAX_BIN/net_udp_coax" "$backend" "$@"; }

coax_serves() {
    log=$lab_directory/server
    lab_start_on_coax "$log" "$COAX_BIN/coax" serve echo --udp --listen "$address:7" \
        --backend "$backend"
    lab_await "$log" "ready on $address:7; TCP and UDP" 20 || exit 1
    # shellcheck disable=SC2086 # the sizes are words
    lab_check "plain Asio asks coax serve echo, $what" plain ask "$address" 7 20 $sizes
    for size in 4 100 1472 4000; do
        lab_check "2000 datagrams of $size bytes of 8 sockets, 16 at a time, $what" \
            lab_on_peer timeout 100 "$COAX_BIN/net_udp_ask" "$address" 7 2000 "$size" 8
    done
    lab_check "over TCP at the same time, $what" lab_on_peer timeout 100 \
        "$COAX_BIN/net_kernel_peer" churn "$address" 7 10
    lab_check "nobody at port 9 of coax's host, $what" plain refused "$address" 9
    stop "coax serve echo, $what,"
    lab_check "the summary tells of datagrams" grep -q " messages by UDP, 0 ignored" "$log"
    lab_check "no error" grep -q ", 0 errors, " "$log"
    [ "$what" != kernel ] && for name in ip.reassembled ip.fragments_sent; do
        lab_check "coax counts $name" grep -q " $name=[1-9]" "$log"
    done
    for name in udp.bad_checksum ip.fragment_overlap ip.reassembly_timeout udp.queue_full; do
        if grep -q " $name=" "$log"; then
            lab_check "$name, $what: $(cat "$log")" false
        fi
    done
}

coax_asks() {
    log=$lab_directory/server
    lab_start_on_peer "$log" "$COAX_BIN/net_udp_asio" echo $lab_peer_ip 7
    lab_await "$log" ready || exit 1
    # shellcheck disable=SC2086
    lab_check "coax asks plain Asio, $what" own ask $lab_peer_ip 7 20 $sizes
    stop "the server, $what,"
    lab_check "nobody at port 9 of the kernel's host, $what" own refused $lab_peer_ip 9
}

# The same program at both ends of coax.
same_program_serves() {
    log=$lab_directory/server
    lab_start_on_coax "$log" "$COAX_BIN/net_udp_coax" "$backend" echo "$address" 7
    lab_await "$log" ready || exit 1
    # shellcheck disable=SC2086
    lab_check "plain Asio asks the same program on coax, $what" plain ask "$address" 7 20 $sizes
    stop "the server, $what,"
    lab_check "it has answered" grep -q "answered 1[6-9]" "$log"
}

for what in native skb kernel; do
    backend=xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix,mode=$what
    address=$lab_coax_ip
    if [ $what = kernel ]; then
        backend=kernel
        address=$lab_kernel_ip
    fi
    coax_serves
    coax_asks
    same_program_serves
done
lab_check "the peer found a bad UDP checksum" test "$(lab_counter UdpInCsumErrors)" = 0
lab_check "the peer lost a fragment" test "$(lab_counter IpReasmFails)" = 0

# Sums by the stack, both ways, as on a medium without any offload.
lab_check "ethtool" lab_on_peer ethtool -K $lab_peer_if tx off
backend=xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix,mode=skb,tx_checksum=off,rx_checksum=strict
address=$lab_coax_ip what="without offloads"
coax_serves
coax_asks
lab_check "the peer found a bad UDP checksum" test "$(lab_counter UdpInCsumErrors)" = 0
exit 0
