# `coax serve kv` under unmodified clients of Redis, on one backend. To be sourced by bash; the
# caller then runs: kv_suite NAME BACKEND. Needs redis-cli and redis-benchmark (redis-tools).
. "${BASH_SOURCE[0]%/*}/services.sh"

# cli ARGUMENT...: one command from the kernel's side, its answer on standard output.
cli() { lab_on_peer timeout 20 redis-cli -h "$server_ip" "$@"; }

# expect ANSWER ARGUMENT...: the lines of the answer joined by spaces.
expect() {
    local wanted=$1 got
    shift
    got=$(cli "$@" | paste -sd' ')
    [ "$got" = "$wanted" ] || fail "redis-cli $*: '$got' instead of '$wanted'"
}

# expect_error TEXT ARGUMENT...: the answer is an error that begins so.
expect_error() {
    local wanted=$1 got
    shift
    got=$(cli "$@")
    [[ $got == "$wanted"* ]] || fail "redis-cli $*: '$got' instead of '$wanted'"
}

# info NAME: a number of INFO.
info() { cli info | tr -d '\r' | sed -n "s/^$1://p"; }

start_kv() { start_server kv --listen "$server_ip:6379" "$@"; }

# --- the cases

types() {
    local wrong="WRONGTYPE Operation against a key holding the wrong kind of value"
    start_kv
    grep -q "in memory only" "$server_log" || fail "the ready line does not say: in memory only"
    expect PONG ping
    expect OK set text "two words"
    expect "two words" get text
    expect "" get none
    expect 11 append text "!!"
    expect two getrange text 0 2
    expect 1 incr n
    expect 11 incrby n 10
    expect 10.5 incrbyfloat n -0.5
    expect OK mset a 1 b 2
    expect "1 2 " mget a b none
    expect 1 hset hash f 1
    expect 6 hincrby hash f 5
    expect "f 6" hgetall hash
    expect 3 rpush list x y z
    expect "x y z" lrange list 0 -1
    expect z rpop list
    expect 2 sadd set m m n
    expect 2 scard set
    expect 2 zadd ranks 2 late 1 early
    expect "early 1" zpopmin ranks
    expect_error "$wrong" get list
    expect_error "ERR wrong number of arguments for 'get' command" get
    expect_error "ERR unknown command 'object'" object help
    expect hash type hash
    expect 8 dbsize
    [ "$(cli --scan | wc -l)" = 8 ] || fail "redis-cli --scan does not find all keys"
    expect 0 exists none
    expect OK flushall
    expect 0 dbsize
    stop_server "0 errors"
    passed "each type by redis-cli"
}

resp3() {
    start_kv
    expect 2 -3 hset hash f 1 g 2
    cli -3 hgetall hash | grep -qE '^[fg] [12]$' || fail "no map in RESP3: $(cli -3 hgetall hash)"
    expect_error "server redis" -3 hello 3
    expect "" -3 get none
    stop_server "0 errors"
    passed "RESP3 by redis-cli -3"
}

expiry() {
    local turns=250
    start_kv
    expect OK set short x px 300
    expect OK set long x ex 1000
    expect 1 expire long 500
    expect 500 ttl long
    expect 1 persist long
    # Nobody asks for the key: it has to go by itself.
    until [ "$(cli dbsize)" = 1 ]; do
        [ $((turns -= 1)) -gt 0 ] || fail "a key does not expire"
        sleep 0.02
    done
    [ "$(info expired_keys)" = 1 ] || fail "INFO does not count the expired key"
    stop_server "0 errors"
    passed "keys expire, looked at or not"
}

publish_and_subscribe() {
    local log=$lab_directory/subscriber protocol
    start_kv
    for protocol in -2 -3; do
        lab_start_on_peer "$log" stdbuf -oL redis-cli -h "$server_ip" "$protocol" \
            psubscribe 'news.*' other
        lab_await "$log" other || fail "no subscription"
        expect 0 publish olds.a hello
        expect 1 publish news.a "hello $protocol"
        lab_await "$log" "hello $protocol" || fail "no message"
        grep -q pmessage "$log" || fail "no pmessage"
        lab_end "$lab_pid" KILL || true
    done
    stop_server
    passed "a second client gets what is published, in RESP2 and RESP3"
}

# A subscriber that has stopped reading, and much to publish.
slow_subscriber() {
    local log=$lab_directory/subscriber turns=500
    start_kv
    lab_start_on_peer "$log" stdbuf -oL redis-cli -h "$server_ip" subscribe flood
    lab_await "$log" flood || fail "no subscription"
    kill -s STOP "$lab_pid"
    lab_on_peer timeout 60 redis-benchmark -h "$server_ip" -q -n 4000 -c 4 -P 4 \
        publish flood "$(head -c 10000 /dev/zero | tr '\0' x)" >"$lab_directory/benchmark" 2>&1 ||
        fail "redis-benchmark publish: $(cat "$lab_directory/benchmark")"
    until [ "$(info slow_subscribers_closed)" = 1 ] && [ "$(info pubsub_clients)" = 0 ]; do
        [ $((turns -= 1)) -gt 0 ] || fail "the slow subscriber is not closed: $(cli info)"
        sleep 0.02
    done
    lab_end "$lab_pid" KILL || true
    stop_server
    passed "a subscriber that does not read is closed and counted"
}

# redis-benchmark tells of a refused command on standard error and ends with a status.
benchmark() {
    local file=$lab_directory/benchmark
    lab_on_peer timeout 200 redis-benchmark -h "$server_ip" -q "$@" >"$file" 2>&1 ||
        fail "redis-benchmark $*: $(cat "$file")"
    if grep -qi error "$file"; then fail "redis-benchmark $*: $(cat "$file")"; fi
    tr '\r' '\n' <"$file" | grep 'requests per second' || fail "redis-benchmark $*: no result"
}

benchmarks() {
    start_kv
    benchmark -n "$requests" -c 50
    benchmark -n $((requests * 4)) -c 50 -P 16 -r 1000 -t set,get,incr,lpush,rpop,hset,mset
    benchmark -n 200 -c 10 -d 100000 -t set,get
    [ "$(info total_error_replies)" = 0 ] || fail "commands were refused: $(cli info)"
    stop_server "0 errors"
    passed "redis-benchmark: all default tests, pipelines of 16, values of 100,000 bytes"
}

memory_limit() {
    local used evicted
    start_kv --memory 4mb
    expect "maxmemory 4194304" config get maxmemory
    benchmark -n 20000 -c 20 -P 16 -r 1000000 -d 1000 -t set
    used=$(info used_memory) evicted=$(info evicted_keys)
    [ "$used" -le 4194304 ] || fail "$used bytes are used of 4 MiB"
    [ "$evicted" -gt 10000 ] || fail "only $evicted keys were evicted"
    stop_server "0 errors"

    start_kv --memory 1mb --eviction noeviction
    head -c 600000 /dev/zero | tr '\0' x | lab_on_peer timeout 20 \
        redis-cli -h "$server_ip" -x set big >/dev/null || fail "a large value"
    head -c 600000 /dev/zero | tr '\0' x | lab_on_peer timeout 20 \
        redis-cli -h "$server_ip" -x set second >"$lab_directory/second" 2>&1 || true
    grep -q "^OOM command not allowed" "$lab_directory/second" ||
        fail "no OOM: $(cat "$lab_directory/second")"
    expect 600000 strlen big
    expect 1 del big
    expect OK set second small
    stop_server "0 errors"
    passed "memory is limited: by eviction, or by refusing"
}

# --- the suite

kv_suite() {
    local one
    services_lab "$1" "$2"
    command -v redis-cli redis-benchmark >/dev/null || fail "redis-tools is not installed"
    requests=5000
    grep -qa -e __asan_init -e __tsan_init "$coax" && requests=1000
    for one in ${COAX_CASE:-types resp3 expiry publish_and_subscribe slow_subscriber benchmarks \
        memory_limit}; do
        $one
    done
}
