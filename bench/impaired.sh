#!/usr/bin/env bash
# Goodput over an impaired path, in one run: coax to the kernel and the kernel to coax over veth
# (AF_XDP, native mode, coax's own faults around the device), and a kernel to a kernel through a
# wire between two TAP devices with the same faults. Interleaved rounds, medians. Needs root.
# Usage: bench/impaired.sh [--rounds N] [--mebibytes N] [--faults KEYS]
# Environment: COAX_BIN (build/release/bin).
set -euo pipefail
cd "$(dirname "$0")/.."
COAX_BIN=$(realpath "${COAX_BIN:-build/release/bin}")
export COAX_BIN
rounds=3 mebibytes=64 faults=loss=0.005,reorder=0.005,duplicate=0.002,delay=2ms
while (($# > 0)); do
    case $1 in
        --rounds) rounds=$2 ;;
        --mebibytes) mebibytes=$2 ;;
        --faults) faults=$2 ;;
        *) echo "bench/impaired.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
if [[ ! -x $COAX_BIN/coax ]]; then
    echo "bench/impaired.sh: no $COAX_BIN/coax: run ./dev build first" >&2
    exit 2
fi
# shellcheck source=../tests/net/lib/impaired.sh
. tests/net/lib/impaired.sh # sets impaired_* and lab_*
lab_need_root
lab_make impaired
impaired_prepare $((mebibytes << 20)) "$faults"

echo "goodput under $faults: $mebibytes MiB, $rounds rounds"
results=$lab_directory/results
for ((round = 1; round <= rounds; ++round)); do
    for algorithm in cubic newreno bbr; do
        for who in kernel-to-kernel coax-to-kernel kernel-to-coax; do
            [[ ! -t 2 ]] ||
                printf '\r\e[Kround %d/%d: %s, %s' "$round" "$rounds" "$who" "$algorithm" >&2
            impaired_transfer $who $algorithm
            awk -v a="$algorithm" -v w="$who" -v s="$impaired_seconds" -v m="$mebibytes" \
                'BEGIN { printf "%s %s %.3f\n", a, w, m * 1.048576 / s }' >>"$results"
        done
    done
done
[[ ! -t 2 ]] || printf '\r\e[K' >&2

# median, minimum and maximum of each, and the ratio to a kernel against a kernel
sort -k1,1 -k2,2 -k3,3n "$results" | awk '
    { key = $1 " " $2; n[key]++; value[key, n[key]] = $3 }
    END {
        printf "%-8s %-17s %9s  %-20s %s\n", "sender", "way", "MB/s", "[min .. max]",
            "of kernel-to-kernel"
        split("cubic newreno bbr", algorithms)
        split("kernel-to-kernel coax-to-kernel kernel-to-coax", ways)
        for (a = 1; a <= 3; ++a)
            for (w = 1; w <= 3; ++w) {
                key = algorithms[a] " " ways[w]
                median = value[key, int((n[key] + 1) / 2)]
                if (w == 1) base = median
                span = sprintf("[%.2f .. %.2f]", value[key, 1], value[key, n[key]])
                printf "%-8s %-17s %9.2f  %-20s %.2f\n", algorithms[a], ways[w], median, span,
                    median / base
            }
    }'
