#!/usr/bin/env bash
# The AF_XDP driver alone, by a program that answers ARP, ping and UDP from raw frames: both modes,
# checksums from and to the kernel, jumbo frames; and the kernel's own address on the interface.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root

start() { # SPECIFICATION [finish]
    out=$lab_directory/reflect
    lab_start_on_coax "$out" "$COAX_BIN/net_xdp_reflect" "$@"
    reflect=$lab_pid
    lab_await "$out" ready: || exit 1
}

stop() {
    lab_end "$reflect"
    lab_check "the program ends in order" test $? = 0
}

expect() { # NAME OPERATOR NUMBER
    lab_check "$1 $2 $3, of: $(tr '\n' ' ' <"$out")" test "$(lab_field "$out" "$1")" "$2" "$3"
}

ping_peer() { lab_on_peer ping -q -i 0.002 -W 2 "$@"; }
ask() { lab_on_peer "$COAX_BIN/net_udp_ask" "$@"; }

for mode in native skb; do
    for sums in finish here; do
        lab_make xdp-frames || exit 1
        start "xdp:lab0,ip=$lab_coax_ip/24,mode=$mode" $sums
        lab_check "the mode that was asked for" grep -q "($mode, copy)" "$out"
        lab_check "ping, $mode" ping_peer -c 50 $lab_coax_ip
        lab_check "ping of the largest packet, $mode" ping_peer -c 5 -M "do" -s 1472 $lab_coax_ip
        lab_check "datagrams, $mode, $sums" ask $lab_coax_ip 7 2000 300
        lab_check "the largest datagrams, $mode, $sums" ask $lab_coax_ip 7 500 1472
        lab_check "tiny datagrams, $mode, $sums" ask $lab_coax_ip 7 500 4
        # The kernel's own address on the same interface, at the same time.
        lab_check "ping of the kernel's address, $mode" ping_peer -c 20 $lab_kernel_ip
        stop
        # The peer's kernel leaves its sums unfinished, which the device does not tell.
        expect sum_partial -gt 2900
        expect sum_bad = 0
        expect no_room = 0
        expect xdp.dropped_tx_busy = 0
        expect xdp.kernel_rx_dropped = 0
        expect xdp.kernel_tx_invalid_descriptors = 0
        lab_check "the peer found a bad checksum" test "$(lab_counter UdpInCsumErrors)" = 0
    done
done

# With finished sums from the peer, as on a real medium.
lab_make xdp-frames || exit 1
lab_check "ethtool" lab_on_peer ethtool -K lab1 tx off
start "xdp:lab0,ip=$lab_coax_ip/24,mode=native"
lab_check "datagrams with finished sums" ask $lab_coax_ip 7 500 1000
stop
expect sum_partial = 0
expect sum_good -ge 500
expect sum_bad = 0

# tx_checksum=off: no metadata, and it is not claimed.
lab_make xdp-frames || exit 1
start "xdp:lab0,ip=$lab_coax_ip/24,tx_checksum=off"
lab_check "no offload is claimed" test "$(grep -c tx-checksum "$out")" = 0
lab_check "mode=auto says what it came to" grep -q "(skb, copy)" "$out"
lab_check "datagrams" ask $lab_coax_ip 7 500 1000
stop

# Packets larger than a frame of memory, both ways.
for spec in "mode=native" "mode=skb" "mode=native,tx_checksum=off"; do
    lab_make xdp-frames --mtu 9000 || exit 1
    start "xdp:lab0,ip=$lab_coax_ip/24,$spec" "$([[ $spec == *off ]] && echo here || echo finish)"
    lab_check "the MTU is told" grep -q "MTU 9000" "$out"
    lab_check "jumbo ping, $spec" ping_peer -c 20 -M "do" -s 8972 $lab_coax_ip
    lab_check "jumbo datagrams, $spec" ask $lab_coax_ip 7 1000 8972
    lab_check "datagrams of about one frame, $spec" ask $lab_coax_ip 7 500 3990
    lab_check "small datagrams, $spec" ask $lab_coax_ip 7 500 100
    stop
    expect pieces -ge 1000
    expect sum_bad = 0
    expect xdp.kernel_tx_invalid_descriptors = 0
    lab_check "the peer found a bad checksum" test "$(lab_counter UdpInCsumErrors)" = 0
done
