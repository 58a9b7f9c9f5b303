#!/usr/bin/env bash
# Instructions per unit of the benchmarks that are counted, by callgrind: the difference of two run
# lengths, so that setting up costs nothing. Virtual clock: the figures repeat. Compares them with
# the checked-in ones (bench/instructions.txt), which is how a change that costs is seen in review.
# Environment: COAX_BIN (build/release/bin), COAX_JOBS (how many at once; the number of cores).
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${COAX_BIN:-build/release/bin}
snapshot=bench/instructions.txt

usage() {
    cat <<'TEXT'
usage: bench/instructions.sh [--check | --update] [CASE...]

  without an option   counts all cases, or these
  --check             counts the cases of bench/instructions.txt; one that takes over 5 % more
                      than is written there is a failure
  --update            the same, and writes what it counted

examples:
  bench/instructions.sh ping-1 bulk-64K
  bench/instructions.sh --check
TEXT
}

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
    "micro-sum-64 10000 110000"
    "micro-sum-1460 1000 11000"
    "micro-copy-sum-64 10000 110000"
    "micro-copy-sum-1460 1000 11000"
    "micro-demux-1000 10000 110000"
    "micro-arm-1 10000 110000"
    "micro-call-task 10000 110000"
    "micro-call-awaitable 10000 110000"
    "micro-yield-task 10000 60000"
    "micro-yield-awaitable 10000 60000"
)

mode=count
case ${1:-} in
    --check | --update) mode=${1#--} && shift ;;
    --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
esac
wanted=("$@")
if [[ $mode != count && ${#wanted[@]} -eq 0 ]]; then
    mapfile -t wanted < <(sed -nE 's/^([a-z][^ ]*) .*/\1/p' "$snapshot")
fi
for program in stack await micro; do
    [[ -x $bin/bench_$program ]] && continue
    echo "bench/instructions.sh: no $bin/bench_$program: run ./dev build first" >&2
    exit 2
done
command -v valgrind >/dev/null || { echo "bench/instructions.sh: valgrind is missing" >&2; exit 2; }

# await-X and micro-X are cases of the programs of these names, every other one of bench_stack.
count() {
    local program=$bin/bench_stack name=$1
    case $1 in
        await-* | micro-*) program=$bin/bench_${1%%-*} name=${1#*-} ;;
    esac
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$name" --units "$2" 2>&1 |
        sed -nE 's/.*Collected : ([0-9]+).*/\1/p'
}

# One case: its line. xargs runs several at once, each a shell of its own.
figure() {
    local less more
    less=$(count "$1" "$2")
    more=$(count "$1" "$3")
    if [[ -z $less || -z $more ]]; then
        echo "bench/instructions.sh: $1 did not run" >&2
        return 1
    fi
    echo "$1 $(((more - less) / ($3 - $2)))"
}

counted=$(mktemp)
trap 'rm -f "$counted"' EXIT
export -f count figure
export bin
for entry in "${all[@]}"; do
    if ((${#wanted[@]} > 0)) && [[ " ${wanted[*]} " != *" ${entry%% *} "* ]]; then continue; fi
    echo "$entry"
done | xargs -r -L 1 -P "${COAX_JOBS:-$(nproc)}" bash -c 'figure "$@"' figure >"$counted"
for name in ${wanted[@]+"${wanted[@]}"}; do
    grep -q "^$name " "$counted" && continue
    echo "bench/instructions.sh: there is no case $name" >&2
    exit 2
done

# In the order of the list above, beside what is written for each.
before_of() { sed -nE "s/^$1 +([0-9]+)$/\1/p" "$snapshot" 2>/dev/null || true; }
worse=0
printf '%-22s %11s %11s %8s\n' case "Ir per unit" written change
for entry in "${all[@]}"; do
    name=${entry%% *}
    now=$(sed -nE "s/^$name ([0-9]+)$/\1/p" "$counted")
    [[ -n $now ]] || continue
    before=$(before_of "$name")
    if [[ -z $before ]]; then
        printf '%-22s %11d %11s\n' "$name" "$now" -
        continue
    fi
    change=$(awk -v now="$now" -v before="$before" \
        'BEGIN { printf "%+.1f %%", 100 * (now - before) / before }')
    printf '%-22s %11d %11d %8s\n' "$name" "$now" "$before" "$change"
    ((now * 100 > before * 105)) && worse=$((worse + 1))
done

case $mode in
    check)
        ((worse == 0)) && exit 0
        echo "$worse of them take over 5 % more than bench/instructions.txt says; if that is" \
            "right, say why in bench/README.md and run bench/instructions.sh --update" >&2
        exit 1
        ;;
    update)
        written=$(mktemp)
        sed -n '/^#/p' "$snapshot" >"$written"
        for entry in "${all[@]}"; do
            name=${entry%% *}
            now=$(sed -nE "s/^$name ([0-9]+)$/\1/p" "$counted")
            printf '%-22s %d\n' "$name" "${now:-$(before_of "$name")}" >>"$written"
        done
        sed -i -E '/ 0$/d' "$written"
        cat "$written" >"$snapshot"
        rm -f "$written"
        ;;
esac
