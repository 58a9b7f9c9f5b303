#!/usr/bin/env bash
# Super-segments beside AF_XDP: a stream leaves in them and arrives whole, in both modes, where the
# device cuts them and where the kernel must; with jumbo frames, through a slow queue, from coax to
# coax; and not at all where they are not wanted.
set -u
. "$COAX_SOURCE/tests/net/lib/stack.sh"
lab_need_root

stop() {
    end_in_order
    lab_check "the peer found a bad TCP checksum" test "$(lab_counter TcpInCsumErrors)" = 0
}

for mode in native skb; do
    spec=xdp:lab0,ip=$lab_coax_ip/24,mode=$mode
    lab_make xdp-supers || exit 1
    start "$spec"
    lab_check "64 MiB, $mode" ask 67108864
    lab_check "20 connections at once, $mode" ask 1000000 20
    stop
    expect xdp.supers_transmitted -gt 1000
    expect xdp.dropped_tx_supers = 0
    # Of 64 KB, not of a few segments; 84 MB are 58,000 segments.
    expect device.frames_sent -lt 20000

    # An interface without segmentation: the kernel cuts in its place.
    lab_check "ethtool" lab_on_coax ethtool -K lab0 tso off gso off
    start "$spec"
    lab_check "64 MiB cut by the kernel, $mode" ask 67108864
    stop
    expect xdp.supers_transmitted -gt 1000

    # A queue that is slow and short: frames wait or are lost, and the stream arrives.
    lab_check "shaper" lab_on_coax tc qdisc add dev lab0 root tbf rate 400mbit burst 100kb \
        limit 300kb
    start "$spec"
    lab_check "16 MiB through a slow queue, $mode" ask 16777216
    stop
    expect xdp.supers_transmitted -gt 100

    for off in gso=off tx_checksum=off; do
        lab_make xdp-supers || exit 1
        start "$spec,$off"
        lab_check "8 MiB, $mode, $off" ask 8388608
        stop
        lab_check "no super-segments, $off" test "$(grep -c supers "$out")" = 0
    done

    lab_make xdp-supers --mtu 9000 || exit 1
    start "$spec"
    lab_check "64 MiB in jumbo frames, $mode" ask 67108864
    stop
    expect xdp.supers_transmitted -gt 100
    expect xdp.dropped_tx_supers = 0
done
exit 0
