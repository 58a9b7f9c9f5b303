#!/bin/bash
# The main job on real input, in under a minute. As root on a machine with AF_XDP: a web server on
# coax's own TCP in one network namespace, curl on the kernel's TCP in another, then echo on `xdp`
# and on `kernel` over the same veth pair. Otherwise the same on a virtual wire and on loopback.
# Started by `./dev demo`, which builds first and sets COAX_BIN (programs) and COAX_SOURCE (tree).
set -u
: "${COAX_BIN:?start this by ./dev demo}" "${COAX_SOURCE:?start this by ./dev demo}"
export PATH="$PATH:/usr/sbin:/sbin"
. "$COAX_SOURCE/tests/net/lib/lab.sh"

readonly coax=$COAX_BIN/coax connections=64 size=64 seconds=${COAX_DEMO_SECONDS:-5}
rows=()
work=

say() { printf '\n== %s\n' "$*"; }
fail() {
    echo "demo failed: $*" >&2
    exit 1
}

# The last word on how the demo ends, whatever ends it.
clean_up() {
    trap - EXIT
    lab_remove
    [ -z "$work" ] || rm -rf "$work"
}

make_files() {
    work=$(mktemp -d) || fail "no temporary directory"
    mkdir "$work/www"
    cat >"$work/www/index.html" <<'TEXT'
<!doctype html>
<title>coax</title>
<p>This page came through a TCP that lives in the server's own process.</p>
TEXT
    head -c 16777216 /dev/urandom >"$work/www/random.bin"
}

# get WHERE COMMAND...: fetches both files with curl and shows that they are the files.
get() {
    local where=$1 file sum copy
    shift
    for file in index.html random.bin; do
        "$@" curl -sSf --max-time 30 -o "$work/copy" "http://$where/$file" ||
            fail "curl http://$where/$file"
        cmp "$work/www/$file" "$work/copy" || fail "$file: not the file"
        sum=$(sha256sum <"$work/www/$file")
        copy=$(sha256sum <"$work/copy")
        echo "curl http://$where/$file: $(stat -c %s "$work/copy") bytes, equal to the file"
        echo "  sha256 of the file  ${sum%% *}"
        echo "  sha256 of the copy  ${copy%% *}"
    done
}

# CPU time of all threads of a process, in nanoseconds.
cpu_of() {
    cat /proc/"$1"/task/*/schedstat 2>/dev/null | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

# number FILE KEY: from the JSON that `coax load` wrote, one key per line.
number() { sed -n "s/^ *\"$2\": \([0-9.e+-]*\),*\$/\1/p" "$1" | head -n 1; }

# row NAME FILE SERVER-CPU-NANOSECONDS: a line of the table; the CPU may be empty.
row() {
    local messages cpu=-
    messages=$(number "$2" messages)
    [ -z "$3" ] || cpu=$(awk -v n="$3" -v m="$messages" 'BEGIN { printf "%.2f", n / m / 1000 }')
    rows+=("$(printf '%-18s %12.0f %9.1f %9.1f %9.1f %12s' "$1" \
        "$(number "$2" messages_per_second)" "$(number "$2" p50)" "$(number "$2" p99)" \
        "$(number "$2" p99_9)" "$cpu")")
}

# measure NAME SERVER-PID COMMAND...: `coax load echo` by COMMAND, then its row. The process id
# is empty if the server lives in the same process as the load.
measure() {
    local name=$1 server=$2 before=0 cpu=
    shift 2
    echo "$name, $seconds s: $connections connections, $size bytes"
    [ -z "$server" ] || before=$(cpu_of "$server")
    "$@" --connections $connections --size $size --duration "$seconds" --json "$work/load.json" \
        >"$work/load.txt" || { cat "$work/load.txt" >&2; fail "coax load echo on $name"; }
    [ -z "$server" ] || cpu=$(($(cpu_of "$server") - before))
    sed -n 's/^backend */  client: /p; s/^messages */  messages: /p' "$work/load.txt"
    row "$name" "$work/load.json" "$cpu"
}

print_table() {
    say "Echo, $connections connections, $size bytes, closed loop, every reply compared"
    printf '%-18s %12s %9s %9s %9s %12s\n' '' '' 'p50' 'p99' 'p99.9' 'server CPU'
    printf '%-18s %12s %9s %9s %9s %12s\n' backend requests/s us us us 'us/request'
    printf '%s\n' "${rows[@]}"
}

# --- as root, over a veth pair

demo_in_lab() {
    local log=$work/server.log own
    say "A lab: two network namespaces, one veth pair"
    lab_make demo || fail "no lab; may this machine make network namespaces?"
    trap clean_up EXIT # lab_make has set its own
    own=xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix
    echo "$lab_coax_ns: $lab_coax_if, $lab_coax_ip is coax's, $lab_kernel_ip the kernel's"
    echo "$lab_peer_ns: $lab_peer_if, $lab_peer_ip is the kernel's"

    say "coax serve http on AF_XDP; unmodified curl on the kernel's TCP at the other end"
    lab_start_on_coax "$log" "$coax" serve http "$work/www" --backend "$own" \
        --listen "$lab_coax_ip:80"
    lab_await "$log" "ready on" || fail "the server does not start"
    get "$lab_coax_ip" lab_on_peer
    lab_end "$lab_pid" || fail "the server did not end in order"
    cat "$log"

    say "coax load echo against coax serve echo, on xdp and on kernel, over the same veth pair"
    echo_in_lab xdp "$own" "$lab_coax_ip" "xdp:$lab_peer_if,ip=198.18.0.4/$lab_prefix"
    echo_in_lab kernel kernel "$lab_kernel_ip" kernel
}

# echo_in_lab NAME SERVER-SPEC SERVER-ADDRESS CLIENT-SPEC
echo_in_lab() {
    local log=$work/echo.log
    lab_start_on_coax "$log" "$coax" serve echo --backend "$2" --listen "$3:7"
    lab_await "$log" "ready on" || fail "the echo server does not start"
    measure "$1" "$lab_pid" lab_on_peer "$coax" load echo --backend "$4" --connect "$3:7"
    sed -n 's/.*; backend /  server: /p' "$log"
    lab_end "$lab_pid" || fail "the echo server did not end in order"
}

# --- without privilege

demo_in_process() {
    say "Two hosts on a virtual wire, in one process: HTTP compared with the files"
    "$coax" demo "$work/www" || fail "coax demo"

    say "coax serve http on kernel sockets through io_uring; curl over loopback"
    serve_on_loopback http "$work/www"
    get "$address"
    end_server

    say "coax load echo on the wire (it brings its own server) and on kernel over loopback"
    measure wire "" "$coax" load echo --backend wire --connect 198.18.0.1:7
    serve_on_loopback echo
    measure "kernel, loopback" "$server" "$coax" load echo --connect "$address"
    end_server
}

# serve_on_loopback WHAT...: on a free port; sets $server and $address.
serve_on_loopback() {
    : >"$work/server.log"
    "$coax" serve "$@" --listen 127.0.0.1:0 >"$work/server.log" 2>&1 &
    server=$!
    lab_pids+=("$server") # so that it ends with the demo, however that ends
    lab_await "$work/server.log" "ready on" || fail "the server does not start"
    address=$(sed -n 's/.*ready on \([0-9.:]*\);.*/\1/p' "$work/server.log")
}

end_server() {
    lab_end "$server" || fail "the server did not end in order"
    cat "$work/server.log"
}

# --- which of the two

# Prints why the lab cannot be used; nothing if it can.
why_no_lab() {
    if [ "$(id -u)" != 0 ]; then
        echo "not root"
    elif ! "$coax" backends | grep -q '^xdp .*yes'; then
        "$coax" backends | sed -n 's/^xdp *no */no AF_XDP here: /p'
    elif ! ip netns list >/dev/null 2>&1 || ! unshare --net true 2>/dev/null; then
        echo "this machine refuses network namespaces"
    fi
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
make_files
reason=$(why_no_lab)
if [ -z "$reason" ]; then
    demo_in_lab
else
    echo "On a virtual wire and on loopback instead of AF_XDP between namespaces: $reason."
    demo_in_process
fi
print_table
