#!/usr/bin/env bash
# Pairs of the same program (pair/program.hpp), one end on coax and the other on plain Asio: TCP,
# HTTP, TLS and WebSocket, coax being the server and being the client, on AF_XDP and on kernel
# sockets.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root
lab_make pairs || exit 1

# Both addresses where a server may be.
lab_check "openssl" openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 2 -subj /CN=pair -addext \
    "subjectAltName=IP:$lab_coax_ip,IP:$lab_kernel_ip,IP:$lab_peer_ip" \
    -keyout "$lab_directory/web.key" -out "$lab_directory/web.pem"

finish() { # WHAT
    local status=0
    lab_end "$server" || status=$?
    [ $status = 0 ] && return
    echo "FAILED: the server's side, $1:" >&2
    cat "$log" >&2
    exit 1
}

coax_serves() { # BACKEND ADDRESS
    log=$lab_directory/server
    lab_start_on_coax "$log" "$COAX_BIN/net_pair_coax" server "$2" "$lab_directory" "$1"
    server=$lab_pid
    lab_await "$log" ready 20 || exit 1
    lab_check "a client of plain Asio, coax on $1" \
        lab_on_peer timeout 100 "$COAX_BIN/net_pair_asio" client "$2" "$lab_directory"
    finish "coax on $1"
}

coax_asks() { # BACKEND
    log=$lab_directory/server
    lab_start_on_peer "$log" "$COAX_BIN/net_pair_asio" server $lab_peer_ip "$lab_directory"
    server=$lab_pid
    lab_await "$log" ready 20 || exit 1
    lab_check "a client of coax on $1, the server on plain Asio" lab_on_coax \
        timeout 100 "$COAX_BIN/net_pair_coax" client $lab_peer_ip "$lab_directory" "$1"
    finish "plain Asio, the client being coax on $1"
}

for backend in "xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix,mode=native" kernel; do
    address=$lab_coax_ip
    [ "$backend" != kernel ] || address=$lab_kernel_ip
    coax_serves "$backend" $address
    coax_asks "$backend"
done
exit 0
