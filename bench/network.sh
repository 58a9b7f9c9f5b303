#!/usr/bin/env bash
# The program coax over a veth pair between two namespaces: 64-byte echo, 64 connections, server and
# client on a core each; coax's own stack on AF_XDP at both ends against kernel sockets at both
# ends, over the same pair, in interleaved rounds. Needs root.
# Usage: bench/network.sh [--rounds N] [--seconds S] [--connections N] [--size BYTES]
# Environment: COAX_BIN (build/release/bin), COAX_SERVER_CORE and COAX_CLIENT_CORE (the last two).
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${COAX_BIN:-build/release/bin}")
rounds=5 seconds=3 connections=64 size=64
while (($# > 0)); do
    case $1 in
        --rounds) rounds=$2 ;;
        --seconds) seconds=$2 ;;
        --connections) connections=$2 ;;
        --size) size=$2 ;;
        *) echo "bench/network.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
[[ -x $bin/coax ]] || { echo "bench/network.sh: no $bin/coax: run ./dev build first" >&2; exit 2; }
# shellcheck source=../tests/net/lib/lab.sh
. tests/net/lib/lab.sh # sets lab_*
lab_need_root
lab_make bench

cores=$(nproc)
server_core=${COAX_SERVER_CORE:-$((cores > 1 ? cores - 2 : 0))}
client_core=${COAX_CLIENT_CORE:-$((cores - 1))}
ticks=$(getconf CLK_TCK)
results=$lab_directory/results
: >"$results"

# Processor time of a process so far, in ticks: user and system.
ticks_of() {
    local stat
    stat=$(<"/proc/$1/stat")
    stat=${stat##*) }
    # shellcheck disable=SC2086 # fields: state is the first, utime the 12th, stime the 13th
    set -- $stat
    echo $((${12} + ${13}))
}

field() { sed -nE "s/.*\"$2\"[[:space:]]*:[[:space:]]*([0-9.]+).*/\1/p" "$1" | head -n1; }

# run NAME SERVER_SPEC LISTEN CLIENT_SPEC SECONDS: one line in $results, unless NAME is "warm".
run() {
    local name=$1 server=$2 listen=$3 client=$4 time=$5 pid before after messages
    local log=$lab_directory/server.log json=$lab_directory/load.json
    lab_start_on_coax "$log" taskset -c "$server_core" \
        "$bin/coax" serve echo --backend "$server" --listen "$listen"
    pid=$lab_pid
    lab_await "$log" "$listen" || exit 1
    before=$(ticks_of "$pid")
    if ! lab_on_peer taskset -c "$client_core" "$bin/coax" load echo --backend "$client" \
        --connect "$listen" --connections "$connections" --size "$size" --duration "$time" \
        --json "$json" >"$lab_directory/load.log" 2>&1; then
        cat "$log" "$lab_directory/load.log" >&2
        exit 1
    fi
    after=$(ticks_of "$pid")
    lab_end "$pid" INT || true
    [[ $name != warm ]] || return 0
    messages=$(field "$json" messages)
    echo "$name $(field "$json" messages_per_second) $(field "$json" p50) $(field "$json" p99)" \
        "$(field "$json" p99_9)" \
        "$(awk -v t=$((after - before)) -v hz="$ticks" -v n="$messages" \
            'BEGIN { printf "%.2f", t / hz * 1e6 / n }')" >>"$results"
}

own=xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix
peer=xdp:$lab_peer_if,ip=198.18.0.4/$lab_prefix
kinds() {
    run "${1:-xdp-xdp}" "$own" "$lab_coax_ip:7" "$peer" "$2"
    run "${1:-kernel-kernel}" kernel "$lab_kernel_ip:7" kernel "$2"
}

echo "echo over veth: $connections connections, $size bytes, $rounds rounds of $seconds s;" \
    "server on core $server_core, client on core $client_core"
kinds warm 1
for ((round = 0; round < rounds; ++round)); do kinds "" "$seconds"; done

awk '
    function sorted(list, n,   i, j, x) {
        for (i = 2; i <= n; ++i)
            for (j = i; j > 1 && list[j - 1] > list[j]; --j) {
                x = list[j]; list[j] = list[j - 1]; list[j - 1] = x
            }
    }
    function median(name, column,   i) {
        for (i = 1; i <= count[name]; ++i) values[i] = value[name, column, i] + 0
        sorted(values, count[name])
        low = values[1]; high = values[count[name]]
        return values[int((count[name] + 1) / 2)]
    }
    { if (!($1 in count)) order[++kinds] = $1
      ++count[$1]
      for (i = 2; i <= NF; ++i) value[$1, i, count[$1]] = $i }
    END {
        printf "%-14s %34s %9s %9s %9s   %s\n", "server-client", "messages/s  [min .. max]",
               "p50 us", "p99 us", "p99.9 us", "server CPU us/request [min .. max]"
        for (k = 1; k <= kinds; ++k) {
            name = order[k]
            rate[name] = median(name, 2)
            printf "%-14s %12.0f  [%8.0f .. %8.0f]", name, rate[name], low, high
            printf " %9.1f", median(name, 3)
            printf " %9.1f", median(name, 4)
            printf " %9.1f", median(name, 5)
            cpu = median(name, 6)
            printf "   %.2f  [%.2f .. %.2f]\n", cpu, low, high
        }
        if (rate["kernel-kernel"] > 0)
            printf "xdp-xdp / kernel-kernel: %.2f\n", rate["xdp-xdp"] / rate["kernel-kernel"]
    }' "$results"
