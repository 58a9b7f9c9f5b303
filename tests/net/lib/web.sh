# HTTP, HTTPS and WebSocket of the program `coax` against unmodified clients on the other side of a
# lab, on one backend. To be sourced by bash; the caller then runs: web_suite NAME BACKEND, as in
# lib/services.sh.
. "${BASH_SOURCE[0]%/*}/services.sh"

# web_certificate NAME: $lab_directory/NAME.pem and NAME.key, for the server's address.
web_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=test -addext "subjectAltName=IP:$server_ip" \
        -keyout "$lab_directory/$1.key" -out "$lab_directory/$1.pem" 2>/dev/null ||
        fail "no certificate"
}

secure_curl() { lab_on_peer timeout 120 curl -sSf --cacert "$lab_directory/web.pem" "$@"; }

# --- the cases

https_files() {
    local size copy=$lab_directory/copy connects
    start_server http "$lab_directory/files" --listen "$server_ip:443" "${tls[@]}"
    for size in $sizes; do
        secure_curl -o "$copy" "https://$server_ip/$size" || fail "curl of $size bytes"
        same "$lab_directory/files/$size" "$copy" "download of $size bytes"
        secure_curl --tls-max 1.2 -o "$copy" "https://$server_ip/$size" ||
            fail "curl of $size bytes in TLS 1.2"
        same "$lab_directory/files/$size" "$copy" "download of $size bytes in TLS 1.2"
    done
    # Keep-alive: three requests, one connection.
    connects=$(secure_curl -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects} ' \
        "https://$server_ip/1" "https://$server_ip/1048576" "https://$server_ip/1")
    [ "$connects" = "1 0 0 " ] || fail "connections of three requests: $connects"
    stop_server "9 requests"
    grep -q ", 0 errors, 0 failed handshakes" "$server_log_kept" || fail "errors in good transfers"
    passed "curl gets $sizes bytes in TLS 1.2 and 1.3, with keep-alive"
}

# pipelined COMMAND...: three requests in one go; the three answers come in order.
pipelined() {
    local answers
    answers=$(printf 'GET /%s HTTP/1.1\r\nHost: a\r\n%s\r\n' 1 '' none '' \
        1 $'Connection: close\r\n' | lab_on_peer timeout 20 "$@" 2>&1 |
        grep -a -o 'HTTP/1.1 [0-9]*' | tr '\n' ' ')
    [ "$answers" = "HTTP/1.1 200 HTTP/1.1 404 HTTP/1.1 200 " ] || fail "pipelined: $answers"
}

pipelining() {
    start_server http "$lab_directory/files" --listen "$server_ip:80"
    pipelined curl -s --no-buffer "telnet://$server_ip:80"
    stop_server "3 requests"
    start_server http "$lab_directory/files" --listen "$server_ip:443" "${tls[@]}"
    pipelined openssl s_client -quiet -connect "$server_ip:443" -verify_return_error \
        -CAfile "$lab_directory/web.pem"
    stop_server "3 requests"
    passed "pipelined requests are answered in order, plain and in TLS"
}

no_tls() {
    local status=0
    start_server http "$lab_directory/files" --listen "$server_ip:443" "${tls[@]}"
    lab_on_peer timeout 20 curl -s "http://$server_ip:443/1" >/dev/null &&
        fail "an answer to plain HTTP on a port of TLS"
    head -c 100000 /dev/urandom |
        lab_on_peer timeout 20 curl -s "telnet://$server_ip:443" >/dev/null 2>&1
    lab_on_peer timeout 20 openssl s_client -connect "$server_ip:443" -tls1_1 \
        -cipher ALL:@SECLEVEL=0 </dev/null >"$lab_directory/out" 2>&1 && fail "TLS 1.1 is taken"
    grep -q "alert protocol version" "$lab_directory/out" || fail "no alert for TLS 1.1"
    # A client that does not trust the certificate ends the handshake itself.
    lab_on_peer timeout 20 curl -s "https://$server_ip/1" || status=$?
    [ $status = 60 ] || fail "status $status of a curl that does not trust us"
    secure_curl -o "$lab_directory/copy" "https://$server_ip/1048576" ||
        fail "no answer after strangers"
    same "$lab_directory/files/1048576" "$lab_directory/copy" "after strangers"
    stop_server "failed handshakes"
    grep -Eq ", [3-4] failed handshakes" "$server_log_kept" || fail "the strangers' count"
    passed "what is no TLS is counted, and the server serves on"
}

# under_wrk URL: a bounded run of wrk; nothing lost, nothing refused.
under_wrk() {
    lab_on_peer timeout 60 wrk -t 1 -c 50 -d 2s "$1" >"$lab_directory/wrk" 2>&1 ||
        fail "wrk: $(cat "$lab_directory/wrk")"
    grep -q "[1-9][0-9]* requests in" "$lab_directory/wrk" || fail "$(cat "$lab_directory/wrk")"
    grep -q -e "Socket errors" -e "Non-2xx" "$lab_directory/wrk" &&
        fail "wrk: $(cat "$lab_directory/wrk")"
    echo "  $1: $(grep Requests/sec "$lab_directory/wrk")"
}

under_load() {
    start_server http "$lab_directory/files" --listen "$server_ip:80"
    under_wrk "http://$server_ip/1"
    stop_server
    start_server http "$lab_directory/files" --listen "$server_ip:443" "${tls[@]}"
    under_wrk "https://$server_ip/1"
    under_wrk "https://$server_ip/1048576"
    stop_server
    passed "wrk with 50 connections, plain and in TLS"
}

websocket() {
    # Debian's interpreter, whatever else is in the PATH: it has Debian's modules.
    local client=(lab_on_peer timeout 90 /usr/bin/python3
        "$COAX_SOURCE/tests/net/websocket_client.py")
    start_server websocket --listen "$server_ip:80"
    "${client[@]}" "ws://$server_ip:80/" || fail "WebSocket"
    # 7 messages with and without compression, and 50 connections with 10 each.
    stop_server "53 connections, 514 messages"
    grep -q ", 1 too large, 0 refused" "$server_log_kept" || fail "the count of what was too large"
    start_server websocket --listen "$server_ip:443" "${tls[@]}"
    "${client[@]}" "wss://$server_ip:443/" "$lab_directory/web.pem" || fail "WebSocket in TLS"
    stop_server "53 connections, 514 messages"
    passed "python3-websockets: echo, fragments, compression, pings, closing; plain and in TLS"
}

# await_growth FILE: until it is larger than it is now.
await_growth() {
    local turns=1000 size
    size=$(stat -c %s "$1")
    until [ "$(stat -c %s "$1")" -gt "$size" ]; do
        [ $((turns -= 1)) -gt 0 ] || fail "$1 does not grow"
        sleep 0.02
    done
}

# Whoever is idle is told the end in order; what is under way is finished; a second signal ends it.
the_end() {
    local part=$lab_directory/part rate=$((largest / 3)) idle messages secure reading status=0
    start_server http "$lab_directory/files" --listen "$server_ip:443" --farewell 60 "${tls[@]}"
    # Its standard input stays open, so that it is the server that ends the conversation.
    lab_start_on_peer "$lab_directory/idle" bash -c "sleep 60 | exec openssl s_client -msg \
        -connect $server_ip:443 -CAfile $lab_directory/web.pem"
    idle=$lab_pid
    lab_await "$lab_directory/idle" "Verify return code: 0" || fail "no TLS"
    lab_start_on_peer "$lab_directory/curl" timeout 120 curl -sSf -o "$part" --limit-rate $rate \
        --cacert "$lab_directory/web.pem" "https://$server_ip/$largest"
    reading=$lab_pid
    await_size "$part"
    kill -s TERM "$server_pid"
    lab_await "$lab_directory/idle" "close_notify" || fail "no close_notify at the end"
    lab_end "$idle" KILL || true
    grep -q "<<< .*close_notify" "$lab_directory/idle" || fail "no close_notify of the server's"
    if grep -q -e errno -e "unexpected eof" "$lab_directory/idle"; then
        fail "TLS is cut off: $(cat "$lab_directory/idle")"
    fi
    lab_forget "$reading" || fail "the answer under way is cut off: $(cat "$lab_directory/curl")"
    same "$lab_directory/files/$largest" "$part" "what was under way at the end"
    stop_server "1 requests, "
    grep -q ", 0 errors, 0 failed handshakes" "$server_log_kept" || fail "errors at the end"

    start_server http "$lab_directory/files" --listen "$server_ip:80" --farewell 60
    lab_start_on_peer "$lab_directory/curl" timeout 120 curl -sS -o "$part" --limit-rate $rate \
        "http://$server_ip/$largest"
    reading=$lab_pid
    await_size "$part"
    kill -s INT "$server_pid"
    await_growth "$part"
    kill -0 "$server_pid" || fail "the first SIGINT ends a server that has a minute"
    kill -s INT "$server_pid"
    lab_forget "$server_pid" || fail "status $? after the second SIGINT"
    lab_forget "$reading" && fail "a second SIGINT waits for what is under way"
    rm -f "$part"
    server_log=

    start_server websocket --listen "$server_ip:443" --farewell 60 "${tls[@]}"
    lab_start_on_peer "$lab_directory/messages" timeout 60 /usr/bin/python3 \
        "$COAX_SOURCE/tests/net/websocket_client.py" --until-going-away \
        "wss://$server_ip:443/" "$lab_directory/web.pem"
    messages=$lab_pid
    lab_await "$lab_directory/messages" ready || fail "no WebSocket"
    stop_server "1 messages, "
    grep -q ", 0 errors" "$server_log_kept" || fail "errors at the end of a WebSocket"
    lab_forget "$messages" || fail "not going away: $(cat "$lab_directory/messages")"
    passed "at the end: close_notify, answers finished, going away; the second signal ends at once"
}

web_mistakes() {
    local serve=(lab_on_coax timeout 20 "$coax" serve http "$lab_directory/files"
        --listen "$server_ip:443" --backend "$server_spec" --tls)
    web_certificate other
    expect_mistake "No such file" "${serve[@]}" /nonexistent "$lab_directory/web.key"
    expect_mistake "no certificate" "${serve[@]}" "$lab_directory/web.key" "$lab_directory/web.key"
    expect_mistake "not that of the certificate" "${serve[@]}" "$lab_directory/web.pem" \
        "$lab_directory/other.key"
    passed "bad certificates and keys are one line and status 2"
}

# --- the suite

web_suite() {
    local name
    services_lab "$@"
    web_certificate web
    tls=(--tls "$lab_directory/web.pem" "$lab_directory/web.key")
    for name in ${COAX_CASE:-https_files pipelining no_tls under_load websocket
        the_end web_mistakes}; do
        $name
    done
}
