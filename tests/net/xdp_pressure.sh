#!/usr/bin/env bash
# More frames than the interface takes at once: what the kernel does not take is sent later, what it
# drops is counted, every frame of memory comes back, and the sums agree with the peer's.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root

# send SPECIFICATION BYTES COUNT: sends, and leaves the peer's count of datagrams in $arrived.
send() {
    local mac before
    out=$lab_directory/send
    mac=$(lab_on_peer cat /sys/class/net/lab1/address)
    before=$(lab_counter UdpNoPorts)
    lab_start_on_coax "$out" "$COAX_BIN/net_xdp_send" "$1" "$mac" $lab_peer_ip "$3" "$2"
    lab_forget "$lab_pid"
    lab_check "all frames are back ($1): $(cat "$out")" test $? = 0
    arrived=$(($(lab_counter UdpNoPorts) - before))
    count=$3
    lost=$(lab_field "$out" xdp.dropped_tx_busy)
}

agree() { # TEXT
    lab_check "$1: $arrived arrived and $lost lost, of $count" test $((arrived + lost)) = $count
}

for mode in native skb; do
    spec=xdp:lab0,ip=$lab_coax_ip/24,mode=$mode
    # The usual case: the sender itself runs the receiver's side of the pair, frame by frame.
    lab_make xdp-pressure || exit 1
    send "$spec" 100 20000
    agree "plain veth, $mode"
    lab_check "plain veth loses nothing" test "$lost" = 0

    # A small ring: its slots are all in use again and again.
    send "$spec,frames=128,ring=64" 1400 20000
    agree "small ring, $mode"
    lab_check "a small ring loses nothing" test "$lost" = 0

    # A receiver that works on its own: the pair's queue may run full, which is said (and nothing
    # lost) where there is a queueing discipline, and counted where there is none.
    lab_check "gro" lab_on_peer ethtool -K lab1 gro on
    lab_check "threaded" lab_on_peer sh -c 'echo 1 >/sys/class/net/lab1/threaded'
    send "$spec" 20 20000
    agree "threaded receiver, $mode"
    lab_check "pfifo" lab_on_coax tc qdisc add dev lab0 root pfifo
    send "$spec" 20 20000
    agree "threaded receiver with pfifo, $mode"
    lab_check "pfifo loses nothing" test "$lost" = 0

    # A slow medium: frames stay under way until the socket's send buffer is used up, and the slots
    # of a small ring with them; the driver waits without spinning, and sends all of them.
    lab_make xdp-pressure || exit 1
    lab_check "ifb" lab_on_peer ip link add slow type ifb
    lab_check "ifb up" lab_on_peer ip link set slow up
    lab_check "shaper" lab_on_peer tc qdisc add dev slow root tbf rate 200mbit burst 20kb \
        limit 10mb
    lab_check "ingress" lab_on_peer tc qdisc add dev lab1 handle ffff: ingress
    lab_check "redirect" lab_on_peer tc filter add dev lab1 parent ffff: protocol all u32 match \
        u32 0 0 action mirred egress redirect dev slow
    send "$spec" 1400 4000
    agree "slow medium, $mode"
    lab_check "a slow medium loses nothing" test "$lost" = 0
    lab_check "kicks are postponed: $(cat "$out")" test \
        "$(lab_field "$out" xdp.kicks_postponed)" -gt 10
    lab_check "no spinning: $(cat "$out")" test "$(lab_field "$out" xdp.kicks)" -lt 8000
    send "$spec,frames=128,ring=64" 1400 2000
    agree "slow medium, small ring, $mode"
    lab_check "a small ring loses nothing" test "$lost" = 0

    # Frames that the other end does not take: each one is dropped by the kernel, and counted.
    lab_make xdp-pressure || exit 1
    lab_check "mtu" ip -n "$lab_peer_ns" link set lab1 mtu 1000
    send "$spec" 1400 3000
    # Arming a poll sends, too, and the kernel does not tell what became of it.
    lab_check "all are lost: $lost" test "$lost" -ge 2900 -a "$lost" -le 3000
    lab_check "none arrives" test "$arrived" = 0
    send "$spec" 900 3000
    lab_check "none is lost: $lost" test "$lost" = 0
done
exit 0
