# The program `coax` end to end against a real kernel, on one backend. To be sourced by bash; the
# caller then runs: services_suite NAME BACKEND, BACKEND being kernel, xdp-native or xdp-skb.
# Needs $COAX_BIN. Every command has a time limit, so that nothing hangs.
. "${BASH_SOURCE[0]%/*}/lab.sh"

coax=$COAX_BIN/coax
peer=$COAX_BIN/net_kernel_peer
readonly coax peer

fail() {
    echo "FAILED: $*" >&2
    [ -z "${server_log:-}" ] || sed 's/^/server: /' "$server_log" >&2
    exit 1
}

passed() { echo "passed: $*"; }

# --- the server under test

# start_server ARGUMENT...: `coax serve ARGUMENT...` on the suite's backend; ready on return.
start_server() {
    server_log=$lab_directory/server.log
    lab_start_on_coax "$server_log" "$coax" serve "$@" --backend "$server_spec"
    server_pid=$lab_pid
    lab_await "$server_log" "ready on $server_ip:" 20 || fail "the server does not become ready"
}

# SIGTERM must end it in order: status 0 and a summary that holds TEXT.
stop_server() {
    local status=0 turns=250
    kill -s TERM "$server_pid" 2>/dev/null || true  # may have had it already, and ended
    while kill -0 "$server_pid" 2>/dev/null; do
        [ $((turns -= 1)) -gt 0 ] || fail "the server does not end after SIGTERM"
        sleep 0.02
    done
    lab_forget "$server_pid" || status=$?
    [ $status = 0 ] || fail "the server ended with status $status"
    grep -q "ended after .* connections, .* errors" "$server_log" || fail "no summary"
    [ $# = 0 ] || grep -qF -- "$1" "$server_log" || fail "the summary lacks '$1'"
    server_log_kept=$server_log server_log=
}

# start_peer FILE-FOR-OUTPUT VERB...: a kernel server on the other side.
start_peer() {
    lab_start_on_peer "$@"
    peer_pid=$lab_pid
    lab_await "$1" ready || fail "the kernel's server does not become ready"
}

stop_peer() { lab_end "$peer_pid" KILL || true; }

# coax as a client, on the suite's backend.
client() { lab_on_coax timeout 120 "$coax" "$@" --backend "$client_spec"; }

hash_of() { sha256sum <"$1"; }

# same FILE COPY WHAT
same() {
    [ "$(hash_of "$1")" = "$(hash_of "$2")" ] || fail "$3: not what was sent"
    rm -f "$2"
}

# --- the cases

kernel_client_to_coax_server() {
    local size copy=$lab_directory/copy
    start_server http "$lab_directory/files" --listen "$server_ip:80"
    for size in $sizes; do
        lab_on_peer timeout 120 curl -sSf -o "$copy" "http://$server_ip/$size" ||
            fail "curl of $size bytes"
        same "$lab_directory/files/$size" "$copy" "download of $size bytes"
    done
    stop_server "$(wc -w <<<"$sizes") requests"
    passed "kernel client gets $sizes bytes from coax"

    start_server echo --listen "$server_ip:7"
    for size in $sizes; do
        lab_on_peer timeout 120 "$peer" send "$server_ip" 7 "$lab_directory/files/$size" "$copy" ||
            fail "echo of $size bytes"
        same "$lab_directory/files/$size" "$copy" "echo of $size bytes"
    done
    stop_server "0 errors"
    passed "kernel client sends $sizes bytes to coax and gets them back"
}

coax_client_to_kernel_server() {
    local size copy=$lab_directory/copy file log=$lab_directory/peer.log
    for size in $sizes; do
        file=$lab_directory/files/$size
        start_peer "$log" "$peer" serve-file 8080 "$file"
        client fetch "http://$lab_peer_ip:8080/" --output "$copy" || fail "fetch of $size bytes"
        stop_peer
        same "$file" "$copy" "fetch of $size bytes"

        start_peer "$log" "$peer" receive 9 "$copy"
        client push "$file" --connect "$lab_peer_ip:9" || fail "push of $size bytes"
        lab_await "$log" "received $size bytes" || fail "push of $size bytes"
        stop_peer
        same "$file" "$copy" "push of $size bytes"

        start_peer "$log" "$peer" serve-echo 7
        client push "$file" --connect "$lab_peer_ip:7" --output "$copy" ||
            fail "push of $size bytes and back"
        stop_peer
        same "$file" "$copy" "push of $size bytes and back"
    done
    passed "coax client moves $sizes bytes from, to, and to and from kernel servers"
}

thousand_connections() {
    local log=$lab_directory/peer.log
    start_server echo --listen "$server_ip:7"
    lab_on_peer timeout 120 "$peer" churn "$server_ip" 7 1000 ||
        fail "1000 connections to coax, one after the other"
    lab_on_peer timeout 60 "$coax" load echo --connect "$server_ip:7" --connections 1000 \
        --duration 1 >"$lab_directory/load" || fail "1000 connections to coax at once"
    stop_server "2000 connections"
    start_peer "$log" "$peer" serve-echo 7
    client load echo --connect "$lab_peer_ip:7" --connections 1000 --duration 1 \
        >"$lab_directory/load" || fail "1000 connections from coax at once"
    stop_peer
    passed "1000 connections opened and closed, each way, in turn and at once"
}

peer_killed() {
    local log=$lab_directory/peer.log status=0
    start_server http "$lab_directory/files" --listen "$server_ip:80"
    lab_start_on_peer "$log" curl -s -o "$lab_directory/part" "http://$server_ip/$largest" \
        --limit-rate $((largest / 8))
    await_size "$lab_directory/part"
    lab_end "$lab_pid" KILL
    lab_on_peer timeout 20 curl -sSf -o "$lab_directory/copy" "http://$server_ip/1048576" ||
        fail "no answer after a client was killed"
    same "$lab_directory/files/1048576" "$lab_directory/copy" "after a client was killed"
    stop_server

    start_server echo --listen "$server_ip:7"
    lab_start_on_peer "$log" "$peer" vanish "$server_ip" 7
    sleep 0.5
    lab_end "$lab_pid" KILL
    lab_on_peer timeout 20 "$peer" churn "$server_ip" 7 10 ||
        fail "no echo after a client that did not read was killed"
    stop_server

    start_peer "$log" "$peer" receive 9 "$lab_directory/part"
    rm -f "$lab_directory/part"
    lab_start_on_coax "$lab_directory/push" "$coax" push "/dev/zero" --connect "$lab_peer_ip:9" \
        --backend "$client_spec"
    await_size "$lab_directory/part"
    stop_peer
    lab_await "$lab_directory/push" "bytes sent" 30 || fail "the client does not notice"
    lab_forget "$lab_pid" || status=$?
    [ $status = 1 ] || fail "the client of a killed server ended with status $status"
    rm -f "$lab_directory/part"
    passed "a peer killed in mid-transfer is noticed, and the server serves on"
}

await_size() {
    local turns=1000
    until [ -s "$1" ]; do
        [ $((turns -= 1)) -gt 0 ] || fail "no transfer begins"
        sleep 0.02
    done
}

server_killed() {
    local turn
    for turn in 1 2 3; do
        start_server http "$lab_directory/files" --listen "$server_ip:80"
        lab_on_peer timeout 20 curl -sSf -o "$lab_directory/copy" "http://$server_ip/1048576" ||
            fail "no answer from server $turn"
        same "$lab_directory/files/1048576" "$lab_directory/copy" "from server $turn"
        lab_end "$server_pid" KILL || true
    done
    start_server http "$lab_directory/files" --listen "$server_ip:80"
    stop_server
    passed "a server killed by SIGKILL is started again at once"
}

answers_ping() {
    start_server echo --listen "$server_ip:7"
    lab_on_peer timeout 20 ping -q -c 3 -i 0.2 -W 2 "$server_ip" >/dev/null ||
        fail "no answer to ping"
    # The kernel's own address on the same interface must be the kernel's as ever.
    lab_on_peer timeout 20 ping -q -c 3 -i 0.2 -W 2 "$lab_kernel_ip" >/dev/null ||
        fail "the kernel's own address does not answer ping"
    lab_start_on_coax "$lab_directory/own" "$peer" serve-echo 77
    lab_await "$lab_directory/own" ready
    lab_on_peer timeout 20 "$peer" churn "$lab_kernel_ip" 77 10 ||
        fail "the kernel's own address does not take connections"
    lab_end "$lab_pid" KILL || true
    stop_server
    passed "ping is answered, and the kernel's own address works beside it"
}

coax_at_both_ends() {
    local file=$lab_directory/load.json
    start_server echo --listen "$server_ip:7"
    lab_on_peer timeout 60 "$coax" load echo --backend "$far_spec" --connect "$server_ip:7" \
        --connections 64 --duration 1 --json "$file" || fail "load between two coax"
    lab_on_peer timeout 60 "$coax" load echo --backend "$far_spec" --connect "$server_ip:7" \
        --connections 4 --size 100000 --duration 1 || fail "load of large messages"
    stop_server "0 errors"
    grep -q '"mismatches": 0' "$file" || fail "mismatches"
    grep -q "\"backend\": \"${suite_backend%%-*}" "$file" || fail "the report names another backend"
    passed "coax at both ends"
}

# expect_mistake TEXT COMMAND...: status 2 and one line on standard error that holds TEXT.
expect_mistake() {
    local text=$1 status=0
    shift
    "$@" >"$lab_directory/out" 2>"$lab_directory/err" || status=$?
    [ $status = 2 ] || fail "status $status instead of 2: $*: $(cat "$lab_directory/err")"
    [ "$(wc -l <"$lab_directory/err")" = 1 ] || fail "not one line: $(cat "$lab_directory/err")"
    grep -qiF -- "$text" "$lab_directory/err" || fail "no '$text' in: $(cat "$lab_directory/err")"
}

mistakes() {
    local serve=(lab_on_coax timeout 20 "$coax" serve echo --listen "$server_ip:7" --backend)
    expect_mistake "cannot listen on 198.18.0.99:7" \
        lab_on_coax timeout 20 "$coax" serve echo --listen 198.18.0.99:7 --backend "$server_spec"
    if [ "$suite_backend" = kernel ]; then
        start_server echo --listen "$server_ip:7"
        expect_mistake "another program listens there" "${serve[@]}" kernel
        stop_server
    else
        expect_mistake coax-none "${serve[@]}" "xdp:coax-none,ip=$server_ip/24"
        expect_mistake root lab_on_coax timeout 20 setpriv --reuid 65534 --regid 65534 \
            --clear-groups --inh-caps=-all "$coax" serve echo --listen "$server_ip:7" \
            --backend "$server_spec"
        start_server echo --listen "$server_ip:7"
        expect_mistake "$lab_coax_if" "${serve[@]}" "$server_spec"
        stop_server
    fi
    passed "mistakes are one line and status 2"
}

# --- the suite

# services_lab NAME BACKEND: a lab, and the specifications of the three contexts in it.
services_lab() {
    suite_backend=$2
    lab_need_root
    lab_make "$1" || fail "no lab"
    case $suite_backend in
        kernel)
            server_spec=kernel client_spec=kernel far_spec=kernel server_ip=$lab_kernel_ip ;;
        xdp-*)
            server_ip=$lab_coax_ip
            server_spec=xdp:$lab_coax_if,ip=$server_ip/$lab_prefix,mode=${suite_backend#xdp-}
            client_spec=$server_spec
            far_spec=xdp:$lab_peer_if,ip=198.18.0.4/$lab_prefix,mode=${suite_backend#xdp-} ;;
    esac
    # A sanitizer makes everything ten times slower: less to move.
    largest=268435456
    grep -qa -e __asan_init -e __tsan_init "$coax" && largest=16777216
    sizes="1 1048576 $largest"
    mkdir "$lab_directory/files"
    local size
    for size in $sizes; do
        # No 255: to curl's telnet, which some tests talk through, that is a command.
        head -c "$size" < <(tr -d '\377' </dev/urandom) >"$lab_directory/files/$size"
    done
}

services_suite() {
    local name
    services_lab "$@"
    for name in ${COAX_CASE:-answers_ping kernel_client_to_coax_server
        coax_client_to_kernel_server coax_at_both_ends thousand_connections peer_killed
        server_killed mistakes}; do
        $name
    done
}
