#!/bin/bash
# `coax serve proxy` between backends, both of its neighbours being the kernel on the other side of
# a lab: 64 MiB both ways, ends, resets, an upstream that is not there, many connections, the end.
set -u
. "${BASH_SOURCE[0]%/*}/lib/services.sh"

# start_proxy PORT ARGUMENT...: from the suite's address to PORT of the other side.
start_proxy() {
    local port=$1
    shift
    start_server proxy --listen "$server_ip:80" --upstream "$lab_peer_ip:$port" \
        --upstream-backend "$upstream_spec" "$@"
}

both_ways() {
    local copy=$lab_directory/copy
    start_peer "$lab_directory/peer.log" "$peer" serve-echo 7
    start_proxy 7 --statistics 0.2
    # The sender ends its stream, and the echo ends with it: ends pass in both directions.
    lab_on_peer timeout 120 "$peer" send "$server_ip" 80 "$file" "$copy" || fail "64 MiB and back"
    same "$file" "$copy" "64 MiB and back"
    lab_on_peer timeout 60 "$coax" load echo --connect "$server_ip:80" --connections 200 \
        --duration 1 >"$lab_directory/load" || fail "200 connections: $(cat "$lab_directory/load")"
    lab_await "$server_log" "0 open; 201 connections, 201 ended in order" ||
        fail "not all relays end in order"
    stop_server "0 errors"
    stop_peer
    passed "$way: 64 MiB both ways, 200 connections"
}

one_way() {
    local copy=$lab_directory/copy
    start_peer "$lab_directory/peer.log" "$peer" serve-file 8080 "$file"
    start_proxy 8080
    lab_on_peer timeout 120 curl -sSf -o "$copy" "http://$server_ip:80/" || fail "64 MiB down"
    same "$file" "$copy" "64 MiB down"
    stop_server
    stop_peer
    start_peer "$lab_directory/peer.log" "$peer" receive 9 "$copy"
    start_proxy 9
    lab_on_peer timeout 120 "$coax" push "$file" --connect "$server_ip:80" || fail "64 MiB up"
    lab_await "$lab_directory/peer.log" "received $(stat -c %s "$file") bytes" || fail "64 MiB up"
    stop_server "0 errors"
    stop_peer
    same "$file" "$copy" "64 MiB up"
    passed "$way: 64 MiB each way alone"
}

no_upstream() {
    local status=0
    start_proxy 1
    # 56: reset while waiting; 7: so soon that it was still connecting.
    lab_on_peer timeout 20 curl -s "http://$server_ip:80/" || status=$?
    [ $status = 56 ] || [ $status = 7 ] || fail "curl ended with status $status"
    stop_server "1 upstream failures"
    status=0
    start_server proxy --listen "$server_ip:80" --upstream 198.18.0.77:7 \
        --upstream-backend "$upstream_spec" --connect-timeout 0.5
    lab_on_peer timeout 20 curl -s "http://$server_ip:80/" || status=$?
    [ $status = 56 ] || fail "curl ended with status $status"
    stop_server "1 upstream failures"
    passed "$way: a client whose upstream is not there is reset, and counted"
}

killed_and_stopped() {
    start_peer "$lab_directory/peer.log" "$peer" serve-echo 7
    start_proxy 7
    lab_start_on_peer "$lab_directory/vanish" "$peer" vanish "$server_ip" 80
    sleep 0.5
    lab_end "$lab_pid" KILL || true
    lab_on_peer timeout 20 "$peer" churn "$server_ip" 80 10 || fail "nothing after a reset"
    # Busy with one client that does not read, idle with another, when the end comes.
    lab_start_on_peer "$lab_directory/vanish" "$peer" vanish "$server_ip" 80
    lab_start_on_peer "$lab_directory/idle" curl -s "telnet://$server_ip:80"
    sleep 0.5
    stop_server "1 resets"
    stop_peer
    passed "$way: a reset is passed on, and the end does not wait for open connections"
}

# A reset of a side that had already ended its stream, and one that loses what was on its way.
late_resets() {
    start_proxy 8081 --statistics 0.2
    lab_on_peer timeout 60 /usr/bin/python3 "$COAX_SOURCE/tests/net/late_resets.py" \
        "$server_ip" 80 "$lab_peer_ip" 8081 || fail "late resets"
    lab_await "$server_log" "0 open; 3 connections" || fail "late resets are not noticed"
    stop_server "3 errors, 3 resets, 0 upstream failures"
    passed "$way: late resets are passed on, or counted"
}

lab_need_root
services_lab proxy xdp-native || exit
file=$lab_directory/files/64M
head -c 67108864 /dev/urandom >"$file"
xdp=$server_spec
for way in kernel-to-kernel kernel-to-xdp xdp-to-kernel; do
    case $way in
        kernel-to-kernel) server_spec=kernel upstream_spec=kernel server_ip=$lab_kernel_ip ;;
        kernel-to-xdp) server_spec=kernel upstream_spec=$xdp server_ip=$lab_kernel_ip ;;
        xdp-to-kernel) server_spec=$xdp upstream_spec=kernel server_ip=$lab_coax_ip ;;
    esac
    for name in ${COAX_CASE:-both_ways one_way no_upstream killed_and_stopped
        late_resets}; do
        $name
    done
done
