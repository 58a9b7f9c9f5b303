#!/usr/bin/env bash
# What the AF_XDP backend refuses to open, each with one line: what is wrong, what to do.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root

# refused TEXT SPECIFICATION [COMMAND-PREFIX...]: exit status 2, and one line that holds TEXT.
refused() {
    local text=$1 spec=$2 status
    shift 2
    lab_on_coax timeout 20 "$@" "$COAX_BIN/net_xdp_reflect" "$spec" >"$lab_directory/said" 2>&1
    status=$?
    lab_check "$spec: exit status $status, said: $(cat "$lab_directory/said")" test $status = 2
    lab_check "$spec: it should say '$text'" grep -qF -- "$text" "$lab_directory/said"
    lab_check "$spec: more than one line" test "$(wc -l <"$lab_directory/said")" = 1
}

start() {
    out=$lab_directory/reflect
    lab_start_on_coax "$out" "$COAX_BIN/net_xdp_reflect" "$@"
    lab_await "$out" ready: || exit 1
}

lab_make xdp-refuse || exit 1
ip=ip=$lab_coax_ip/24
refused "there is no interface lab7 here; there are lo, lab0" "xdp:lab7,$ip"
refused "lo is not an Ethernet interface" "xdp:lo,$ip"
refused "198.18.0.3 is the kernel's own address on lab0" "xdp:lab0,ip=198.18.0.3/24"
refused "ip address del 198.18.0.3/24 dev lab0" "xdp:lab0,ip=198.18.0.3/24"
refused "lab0 has 1 receive queue" "xdp:lab0,$ip,queue=1"
refused "lower queue= or queues=" "xdp:lab0,$ip,queues=2"
refused "unknown key" "xdp:lab0,$ip,colour=red"
drop=-net_raw,-net_admin,-bpf,-sys_admin
refused "xdp needs the privilege CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF" "xdp:lab0,$ip" \
    setpriv --bounding-set "$drop" --inh-caps "$drop"
drop=-bpf,-sys_admin
refused "xdp needs the privilege CAP_BPF: run as root" "xdp:lab0,$ip" \
    setpriv --bounding-set "$drop" --inh-caps "$drop"
lab_check "down" ip -n "$lab_coax_ns" link set lab0 down
refused "interface lab0 is down: ip link set lab0 up" "xdp:lab0,$ip"
lab_check "up" ip -n "$lab_coax_ns" link set lab0 up

# Another one is there already, for good.
start "xdp:lab0,$ip,mode=native"
refused "queue 0 of lab0 is in use by another AF_XDP socket" "xdp:lab0,ip=198.18.0.9/24"
lab_end "$lab_pid"

# Its program is there, too: also where another queue would be free.
lab_make xdp-refuse --queues 2 || exit 1
start "xdp:lab0,$ip,mode=skb"
refused "lab0 has an XDP program already" "xdp:lab0,ip=198.18.0.9/24,queue=1"
lab_end "$lab_pid"

# A driver whose interface can't run the program as asked: nothing else is done in its stead.
lab_make xdp-refuse --queues 2 || exit 1
lab_check "one receive queue" lab_on_coax ethtool -L lab0 rx 1
refused "more transmit queues than this end receive queues" "xdp:lab0,$ip,mode=native"

# mode=auto tries, where it is no veth.
lab_make xdp-refuse || exit 1
lab_check "macvlan" ip -n "$lab_coax_ns" link add link lab0 name over0 type macvlan
lab_check "macvlan up" ip -n "$lab_coax_ns" link set over0 up
start "xdp:over0,$ip"
lab_check "mode=auto says why it is skb: $(cat "$out")" \
    grep -q "note: mode=auto came to skb, as native does not go" "$out"
lab_check "mode=auto says that it is skb" grep -q "(skb, copy)" "$out"
lab_end "$lab_pid"

# Memory that does not do.
lab_make xdp-refuse --mtu 60000 || exit 1
refused "is too little for MTU 60000" "xdp:lab0,$ip,mode=skb,frames=128,ring=64"

# An address that the kernel has on another interface: possible, but said.
lab_make xdp-refuse || exit 1
lab_check "address" ip -n "$lab_coax_ns" address add 198.18.0.2/32 dev lo
start "xdp:lab0,$ip"
lab_check "the note" grep -q "note: the kernel has the address 198.18.0.2 too, on lo" "$out"
lab_end "$lab_pid"
