#!/usr/bin/env bash
# The AF_XDP driver's life on an interface: killed and started again at once, the interface taken
# down and up, changed and removed under it, its own address beside the kernel's.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root

start() { # SPECIFICATION
    out=$lab_directory/reflect
    lab_start_on_coax "$out" "$COAX_BIN/net_xdp_reflect" "$@"
    reflect=$lab_pid
    lab_await "$out" ready: || exit 1
}

ping_coax() { lab_on_peer ping -q -i 0.002 -W 2 "$@" $lab_coax_ip; }
ask() { lab_on_peer "$COAX_BIN/net_udp_ask" $lab_coax_ip 7 "$@"; }
xdp_attached() { ip -n "$lab_coax_ns" link show lab0 | grep -q prog/xdp; }
link() { lab_check "ip link set lab0 $*" ip -n "$lab_coax_ns" link set lab0 "$@"; }

for mode in native skb; do
    lab_make xdp-life || exit 1
    spec=xdp:lab0,ip=$lab_coax_ip/24,mode=$mode

    # Killed, also with frames under way, and started again at once.
    for round in 1 2 3 4 5; do
        start "$spec"
        lab_check "ping after start $round, $mode" ping_coax -c 2
        lab_start_on_peer "$lab_directory/flood" ping -q -f -W 1 -c 100000 $lab_coax_ip
        flood=$lab_pid
        sleep 0.02
        lab_end "$reflect" KILL
        lab_end "$flood"
        lab_check "no program stays attached, $mode" eval '! xdp_attached'
    done
    # With coax gone the kernel has the interface as ever.
    lab_check "the kernel's address without coax" lab_on_peer ping -q -c 2 -i 0.01 $lab_kernel_ip

    # Down and up again: frames are lost meanwhile, no more.
    start "$spec"
    lab_check "a program is attached, $mode" xdp_attached
    lab_check "datagrams before, $mode" ask 100 100
    link down
    lab_on_peer ping -q -c 3 -i 0.01 -W 0.1 $lab_coax_ip >/dev/null
    link up
    # The kernel takes its time to let frames through again.
    lab_check "ping after down and up, $mode" lab_on_peer ping -q -c 1 -w 5 -i 0.02 $lab_coax_ip
    lab_check "datagrams after down and up, $mode" ask 100 100

    # Another MTU and another MAC, which the peer learns by asking again.
    link mtu 1400
    lab_check "datagrams with a smaller MTU, $mode" ask 50 1000
    link address 02:00:00:00:00:77
    lab_check "flush" ip -n "$lab_peer_ns" neigh flush dev lab1
    lab_check "ping with another MAC, $mode" lab_on_peer ping -q -c 1 -w 5 -i 0.02 $lab_coax_ip
    lab_check "datagrams with another MAC, $mode" ask 50 1000
    lab_check "the peer knows the new MAC" eval \
        "ip -n $lab_peer_ns neigh show $lab_coax_ip | grep -q 02:00:00:00:00:77"

    # Removed while idle: said at once, and the end.
    lab_check "remove" ip -n "$lab_coax_ns" link delete lab0
    lab_await "$out" "dead: interface lab0 was removed" || exit 1
    lab_forget "$reflect"
    lab_check "exit status of a dead medium" test $? = 3

    # Removed under load.
    lab_make xdp-life || exit 1
    start "$spec"
    lab_start_on_peer "$lab_directory/flood" ping -q -f -W 1 -c 1000000 $lab_coax_ip
    flood=$lab_pid
    sleep 0.1
    lab_check "remove under load" ip -n "$lab_coax_ns" link delete lab0
    lab_await "$out" "dead: interface lab0 was removed" || exit 1
    lab_forget "$reflect"
    lab_check "exit status of a dead medium" test $? = 3
    lab_end "$flood"
done
exit 0
