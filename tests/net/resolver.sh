#!/usr/bin/env bash
# The resolver over AF_XDP: its own UDP and TCP ask a name server in the peer's namespace for A and
# AAAA; truncated replies by TCP, a lost question again, no answer at all, a server that is not
# there.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root
lab_make resolver || exit 1

out=$lab_directory/out
resolve() { # SPECIFICATION NAME...
    lab_on_coax timeout 60 "$COAX_BIN/net_resolve" "$@" >"$out" 2>&1
    lab_check "the program ends in order: $(cat "$out")" test $? = 0
}
says() { lab_check "'$1' in: $(cat "$out")" grep -qxF -- "$1" "$out"; }
server() {
    log=$lab_directory/names
    lab_start_on_peer "$log" "$COAX_BIN/net_name_server" $lab_peer_ip
    lab_await "$log" ready || exit 1
}
stop() {
    lab_end "$lab_pid"
    lab_check "the name server ends in order: $(cat "$log")" test $? = 0
}
was_asked() { # TIMES WHAT
    lab_check "asked $1 times for $2, of: $(cat "$log")" \
        test "$(grep -cx "asked $2" "$log")" = "$1"
}

# Own files: what the machine has must not matter.
hosts=$lab_directory/hosts
echo "198.18.0.77 host.example" >"$hosts"

many=
for i in $(seq 40); do many+=" 198.18.1.$i"; done

for mode in native skb; do
    own=xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix,mode=$mode,hosts=$hosts
    server
    resolve "$own,dns=$lab_peer_ip" www.example many.example none.example www.example \
        host.example 198.18.0.5
    # The stack has no IPv6 of its own: its addresses come last.
    says "www.example: 198.18.0.80 fd00:c0a0::80"
    says "many.example:$many"
    says "none.example: Host not found (authoritative)"
    says "host.example: 198.18.0.77"
    says "198.18.0.5: 198.18.0.5"
    says "resolver.by_tcp 1"
    says "resolver.cached 2"  # www.example's A and AAAA, the second time
    stop
    was_asked 1 "www.example A"
    was_asked 1 "www.example AAAA"
    was_asked 1 "many.example by TCP"
    was_asked 0 "host.example A"

    server
    printf 'nameserver %s\noptions timeout:1 attempts:2\n' $lab_peer_ip >"$lab_directory/resolv"
    resolve "$own,resolv=$lab_directory/resolv" lossy.example
    says "lossy.example: 198.18.0.81"
    stop
    was_asked 2 "lossy.example A"

    server
    printf 'nameserver %s\noptions timeout:1 attempts:1\n' $lab_peer_ip >"$lab_directory/resolv"
    resolve "$own,resolv=$lab_directory/resolv" silent.example www.example
    says "silent.example: Host not found (non-authoritative), try again later"
    says "www.example: 198.18.0.80 fd00:c0a0::80"
    # Nobody has the first server's address; the next one is asked.
    printf 'nameserver 198.18.0.9\nnameserver %s\noptions timeout:1 attempts:1\n' $lab_peer_ip \
        >"$lab_directory/resolv"
    resolve "$own,resolv=$lab_directory/resolv" www.example
    says "www.example: 198.18.0.80 fd00:c0a0::80"
    stop
done

# The first server's host is there, but nobody listens: ICMP says so, and the next is asked at once.
own=xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix,hosts=$hosts
server
resolve "$own,dns=$lab_peer_ip:54,dns=$lab_peer_ip" www.example
says "www.example: 198.18.0.80 fd00:c0a0::80"
lab_check "ICMP was heard, of: $(cat "$out")" grep -qE "^resolver.unreachable [12]$" "$out"
lab_check "nothing timed out" grep -qx "resolver.timed_out 0" "$out"
stop
exit 0
