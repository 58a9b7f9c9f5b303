#!/usr/bin/env bash
# Instructions per unit of the stack-only benchmarks, by callgrind: the difference of two run
# lengths, so that setting up costs nothing. Virtual clock: the figures repeat.
# Usage: bench/instructions.sh [CASE...]      environment: COAX_BIN (build/release/bin)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${COAX_BIN:-build/release/bin}
for program in stack await; do
    [[ -x $bin/bench_$program ]] && continue
    echo "bench/instructions.sh: no $bin/bench_$program: run ./dev build first" >&2
    exit 2
done
command -v valgrind >/dev/null || { echo "bench/instructions.sh: valgrind is missing" >&2; exit 2; }

# case, shorter run, longer run (units)
all=(
    "wire-alone 2000 12000"
    "ping-1 2000 12000"
    "ping-1-trusted 2000 12000"
    "ping-64 6400 19200"
    "ping-64-trusted 6400 19200"
    "ping-1000 10000 30000"
    "ping-10000 20000 60000"
    "bulk-1M 4000 14000"
    "bulk-64K 4000 14000"
    "bulk-64K-trusted 4000 14000"
    "bulk-1M-gso 10000 40000"
    "churn 1000 4000"
    "churn-trusted 1000 4000"
    "await-task 2000 12000"
    "await-awaitable 2000 12000"
    "await-any 2000 12000"
)

# await-SPELLING is a case of bench_await, every other one of bench_stack.
count() {
    local program=$bin/bench_stack name=${1#await-}
    [[ $1 != await-* ]] || program=$bin/bench_await
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$name" --units "$2" 2>&1 |
        sed -nE 's/.*Collected : ([0-9]+).*/\1/p'
}

printf '%-18s %14s\n' case "Ir per unit"
for entry in "${all[@]}"; do
    read -r name short long <<<"$entry"
    if (($# > 0)) && [[ " $* " != *" $name "* ]]; then continue; fi
    less=$(count "$name" "$short")
    more=$(count "$name" "$long")
    if [[ -z $less || -z $more ]]; then
        echo "bench/instructions.sh: $name did not run" >&2
        exit 1
    fi
    printf '%-18s %14d\n' "$name" $(((more - less) / (long - short)))
done
