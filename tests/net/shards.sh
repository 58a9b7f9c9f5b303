#!/usr/bin/env bash
# `coax serve --shards`: connections of kernel clients reach every shard and are answered, also when
# their frames come by the queue of another shard; each shard says what it carried.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root
coax=$COAX_BIN/coax
peer=$COAX_BIN/net_kernel_peer

fail() {
    echo "FAILED: $*" >&2
    [ ! -f "$lab_directory/server" ] || cat "$lab_directory/server" >&2
    exit 1
}

start() { # SHARDS SPEC ARGUMENT...
    shards=$1
    server=$lab_directory/server
    lab_start_on_coax "$server" "$coax" serve echo --shards "$1" --backend "$2" "${@:3}"
    pid=$lab_pid
    lab_await "$server" "ready on" || fail "no server"
}

# Ends the server in order; afterwards carried N WORD is what shard N says before WORD.
finish() {
    lab_end "$pid" || fail "the server does not end in order"
    grep -q "counters:" "$server" || fail "no summary"
}
carried() { # SHARD WORD
    sed -n "s/^coax serve echo: shard $1[ :].* \([0-9]*\) $2.*/\1/p" "$server"
}
total() { # WORD
    local i sum=0
    for ((i = 0; i < shards; ++i)); do sum=$((sum + $(carried $i "$1"))); done
    echo $sum
}
all_shards_have() { # WORD
    local i
    for ((i = 0; i < shards; ++i)); do
        [ "$(carried $i "$1")" -gt 0 ] || fail "shard $i has no $1"
    done
}

peer_sends_by() { lab_on_peer ethtool -L "$lab_peer_if" tx "$1" || fail "no ethtool -L"; }

# A veth has its queues in native mode alone: for a program in skb mode all frames come by number 0.
lab_make shards --queues 2 || exit 1
spec=xdp:$lab_coax_if,ip=$lab_coax_ip/24,mode=native
start 2 "$spec" --udp --listen "$lab_coax_ip:7"
grep -q "2 shards; backend xdp on .*queues 0, 1," "$server" || fail "the queues are not told"
lab_on_peer ping -q -c 3 -i 0.05 -W 2 $lab_coax_ip >/dev/null || fail "no answer to ping"
# The kernel spreads connections over its queues by a random hash.
lab_on_peer timeout 60 "$coax" load echo --connect $lab_coax_ip:7 --connections 64 \
    --size 3000 --duration 0.5 >"$lab_directory/load" 2>&1 || fail "$(cat "$lab_directory/load")"
lab_on_peer timeout 60 "$COAX_BIN/net_udp_ask" $lab_coax_ip 7 300 1200 40 ||
    fail "datagrams are lost"
lab_on_peer timeout 60 "$peer" churn $lab_coax_ip 7 200 || fail "connections one after another"
finish
all_shards_have connections
all_shards_have "frames in"
[ "$(total connections)" = 264 ] || fail "connections are missing: $(total connections)"

# The peer sends by queue 0 alone while connections begin, then by both: what comes by queue 1
# belongs to the shard of queue 0.
start 2 "$spec" --listen "$lab_coax_ip:7"
peer_sends_by 1
lab_start_on_peer "$lab_directory/load" timeout 60 "$coax" load echo \
    --connect $lab_coax_ip:7 --connections 32 --size 3000 --duration 2
load=$lab_pid
sleep 1
peer_sends_by 2
lab_forget "$load" || fail "frames by another queue: $(cat "$lab_directory/load")"
finish
[ "$(carried 0 connections)" = 32 ] || fail "not all connections began on queue 0"
[ "$(carried 1 "handed over")" -gt 0 ] || fail "nothing was handed over"
# Not all of them: what comes when the server has ended stays in the ring.
[ "$(carried 0 "taken over")" -gt 0 ] || fail "nothing was taken over"
grep -q "tcp.resets_sent" "$server" && fail "a connection was refused"
grep -q "shards.dropped_ring_full" "$server" && fail "a ring was full"

# Both ends of two shards each.
start 2 "$spec" --listen "$lab_coax_ip:7"
lab_on_peer timeout 60 "$coax" load echo --connect $lab_coax_ip:7 --connections 64 --size 3000 \
    --duration 0.5 --threads 2 --backend "xdp:$lab_peer_if,ip=198.18.0.4/24,mode=native" \
    >"$lab_directory/load" 2>&1 || fail "shards to shards: $(cat "$lab_directory/load")"
grep -q "queues 0, 1," "$lab_directory/load" || fail "not two: $(cat "$lab_directory/load")"
finish
[ "$(total connections)" = 64 ] || fail "connections are missing: $(total connections)"

start 2 "$spec" --listen "$lab_coax_ip:7"
lab_end "$pid" KILL
start 2 "$spec" --pin --listen "$lab_coax_ip:7"
lab_on_peer timeout 20 "$peer" churn $lab_coax_ip 7 20 || fail "no server after SIGKILL"
finish
refused=$(lab_on_coax timeout 20 "$coax" serve echo --shards 3 --backend "$spec" \
    --listen "$lab_coax_ip:7" 2>&1) && fail "three shards on two queues"
[[ $refused == *"2 receive queues"* ]] || fail "unclear: $refused"
echo "passed: two shards, xdp"

lab_make shards || exit 1
start 3 kernel --udp --listen "$lab_kernel_ip:7"
lab_on_peer timeout 60 "$coax" load echo --connect $lab_kernel_ip:7 --connections 64 --size 3000 \
    --duration 0.5 >"$lab_directory/load" 2>&1 || fail "$(cat "$lab_directory/load")"
lab_on_peer timeout 60 "$COAX_BIN/net_udp_ask" $lab_kernel_ip 7 300 1200 40 || fail "datagrams"
finish
all_shards_have connections
echo "passed: three shards, kernel"
