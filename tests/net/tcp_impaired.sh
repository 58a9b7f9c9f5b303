#!/usr/bin/env bash
# coax's TCP against the kernel's over a veth pair that loses, reorders and duplicates frames:
# 64 MiB each way, with CUBIC, NewReno and BBR, byte for byte equal. How fast, says
# bench/impaired.sh.
set -u
. "$COAX_SOURCE/tests/net/lib/impaired.sh"
lab_need_root
lab_make impaired || exit 1
impaired_prepare $((64 << 20)) loss=0.005,reorder=0.005,duplicate=0.002,delay=1ms || exit 1
for algorithm in cubic newreno bbr; do
    for who in coax-to-kernel kernel-to-coax; do
        # What the kernel sends with it says nothing of coax.
        [[ $algorithm = bbr && $who = kernel-to-coax ]] && continue
        impaired_transfer $who $algorithm || exit 1
        echo "passed: $who, $algorithm: 64 MiB in $impaired_seconds s"
    done
done
