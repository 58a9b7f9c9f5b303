#!/usr/bin/env bash
# The stack over AF_XDP with the kernel as peer: ping and TCP, both modes; segments merged by the
# peer's kernel (larger than any MTU), unfinished and offloaded checksums, jumbo frames, many
# connections, and a restart.
set -u
. "$COAX_SOURCE/tests/net/lib/stack.sh"
lab_need_root

ask_kernel() { lab_on_peer "$COAX_BIN/net_tcp_ask" $lab_kernel_ip 7 "$@"; }
ping_coax() { lab_on_peer ping -q -i 0.002 -W 2 "$@" $lab_coax_ip; }

for mode in native skb; do
    lab_make xdp-stack || exit 1
    start "xdp:lab0,ip=$lab_coax_ip/24,mode=$mode"
    lab_check "ping, $mode" ping_coax -c 50
    lab_check "large ping, $mode" ping_coax -c 5 -M "do" -s 1472
    lab_check "one byte, $mode" ask 1
    lab_check "1 MiB, $mode" ask 1048576
    lab_check "64 MiB, $mode" ask 67108864
    lab_check "20 connections at once, $mode" ask 1000000 20
    lab_check "ping of the kernel's address, $mode" lab_on_peer \
        ping -q -i 0.002 -c 20 $lab_kernel_ip
    # The kernel behind the same interface, and both at once.
    lab_start_on_coax "$lab_directory/echo" "$COAX_BIN/net_tcp_echo" $lab_kernel_ip 7
    echo=$lab_pid
    lab_await "$lab_directory/echo" ready || exit 1
    lab_check "16 MiB to the kernel's address, $mode" ask_kernel 16777216
    lab_start_on_peer "$lab_directory/both" "$COAX_BIN/net_tcp_ask" $lab_kernel_ip 7 4194304 4
    both=$lab_pid
    lab_check "4 connections to coax while 4 go to the kernel, $mode" ask 4194304 4
    lab_forget "$both"
    lab_check "4 connections to the kernel, $mode: $(cat "$lab_directory/both")" test $? = 0
    lab_end "$echo"
    end_in_order
    # The peer's kernel cuts for a native program, and hands whole superframes to a generic one.
    if [ $mode = native ]; then expect largest -le 1514; else expect largest -gt 20000; fi
    expect xdp.kernel_tx_invalid_descriptors = 0
    lab_check "the peer found a bad TCP checksum" test "$(lab_counter TcpInCsumErrors)" = 0

    # Started again at once after SIGKILL; the peer's old connections are reset, new ones go.
    start "xdp:lab0,ip=$lab_coax_ip/24,mode=$mode"
    lab_end "$server" KILL
    start "xdp:lab0,ip=$lab_coax_ip/24,mode=$mode"
    lab_check "1 MiB after a restart, $mode" ask 1048576
    end_in_order
done

# Sums by the stack, both ways, as on a medium without any offload.
lab_make xdp-stack || exit 1
lab_check "ethtool" lab_on_peer ethtool -K lab1 tx off
start "xdp:lab0,ip=$lab_coax_ip/24,mode=skb,tx_checksum=off,rx_checksum=strict"
lab_check "8 MiB without offloads" ask 8388608
end_in_order
lab_check "the peer found a bad TCP checksum" test "$(lab_counter TcpInCsumErrors)" = 0

# Jumbo frames.
lab_make xdp-stack --mtu 9000 || exit 1
start "xdp:lab0,ip=$lab_coax_ip/24,mode=native"
lab_check "jumbo ping" ping_coax -c 5 -M "do" -s 8972
lab_check "64 MiB in jumbo frames" ask 67108864
end_in_order
expect largest -gt 8000
lab_check "the peer found a bad TCP checksum" test "$(lab_counter TcpInCsumErrors)" = 0

# Four queues.
lab_make xdp-stack --queues 4 || exit 1
start "xdp:lab0,ip=$lab_coax_ip/24,queues=4"
lab_check "40 connections over four queues" ask 1000000 40
end_in_order
exit 0
