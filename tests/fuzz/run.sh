#!/bin/bash
# Runs the fuzz targets of a build (COAX_FUZZ_BUILD) for a while: `run.sh [TARGET|all] [--seconds N]
# [--seed N] [--input FILE]`. Seeds are made by the targets themselves; the corpus grows under the
# build's fuzz/corpus. With --seed, the inputs are tried in the same order each time, and the corpus
# is left as it is. A finding's input is kept under fuzz/found, and how to replay it is told.
set -euo pipefail
build=${COAX_FUZZ_BUILD:?the directory of the fuzz build}
root=$PWD
cd "$build"
targets=()
for program in bin/fuzz_*; do
    targets+=("${program#bin/fuzz_}")
done

chosen=() seconds=60 seed=0 replay=
while (($# > 0)); do
    case "$1" in
    --seconds) seconds=${2:?how many} && shift ;;
    --seed) seed=${2:?which number} && shift ;;
    --input) replay=$(cd "$root" && realpath "${2:?which file}") && shift ;;
    all) chosen=("${targets[@]}") ;;
    *) [[ -x bin/fuzz_$1 ]] || {
        echo "error: no target '$1'; there are: ${targets[*]}" >&2
        exit 2
    }
        chosen+=("$1") ;;
    esac
    shift
done
if ((${#chosen[@]} == 0)); then
    echo "fuzz targets: ${targets[*]}"
    echo "run one:      ./dev fuzz TARGET --seconds N   (all: every one of them in turn)"
    exit 0
fi

symbolizer=$(command -v llvm-symbolizer-19 llvm-symbolizer 2>/dev/null | head -n 1 || true)
export ASAN_OPTIONS="allow_addr2line=1${symbolizer:+:external_symbolizer_path=$symbolizer}"
export UBSAN_OPTIONS="print_stacktrace=1:$ASAN_OPTIONS"

if [[ -n $replay ]]; then
    COAX_FUZZ_TRACE=1 exec "bin/fuzz_${chosen[0]}" "$replay"
fi

# fuzz TARGET: one line of what was done, or where the input is that broke something.
fuzz() {
    local name=$1 log="fuzz/$1.log" corpus="fuzz/corpus/$1" input
    ((seed == 0)) || corpus=fuzz/fresh/$1
    rm -rf "fuzz/fresh/$name"
    mkdir -p "$corpus" "fuzz/found/$name"
    rm -rf "fuzz/seeds/$name"
    "bin/fuzz_$name" --write-seeds "fuzz/seeds/$name"
    if "bin/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 \
        -max_len=3000 -len_control=30 -seed="$seed" \
        -print_final_stats=1 -artifact_prefix="fuzz/found/$name/" \
        "$corpus" "fuzz/seeds/$name" >"$log" 2>&1; then
        printf '%-11s %9s inputs, coverage %s, corpus of %s\n' "$name" \
            "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
            "$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | cut -c6-)" \
            "$(find "$corpus" -type f | wc -l)"
        return 0
    fi
    input=$(sed -n 's/.*Test unit written to \(.*\)$/\1/p' "$log" | tail -n 1)
    grep -vE '^[0-9x,]+$|^#[0-9]+' "$log" | tail -n 60 || true
    echo "fuzz $name: failed; log: $build/$log"
    echo "input:  $build/$input"
    echo "replay: ./dev fuzz $name --input $build/$input"
    return 1
}

status=0
for name in "${chosen[@]}"; do
    fuzz "$name" || status=1
done
exit "$status"
