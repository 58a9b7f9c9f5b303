#!/usr/bin/env bash
# All benchmarks, as `./dev bench` runs them: the stack alone in wall time and in instructions,
# kernel sockets against Boost.Asio on loopback, then the program over veth where that is possible,
# without and with faults on the way.
# Says in one line what it leaves out, and why.
# Usage: bench/run.sh [--quick]
set -euo pipefail
cd "$(dirname "$0")/.."
export COAX_BIN=${COAX_BIN:-build/release/bin}
quick=()
case "${1:-}" in
    --quick) quick=(--quick) ;;
    "") ;;
    *) echo "bench/run.sh: unknown option $1 (there is --quick)" >&2; exit 2 ;;
esac

echo "Stack alone: two stacks, one thread, memory wire; nanoseconds per unit, median of 5 rounds"
"$COAX_BIN/bench_stack" "${quick[@]}"
echo
echo "Its parts: nanoseconds per unit, median of 5 rounds"
"$COAX_BIN/bench_micro" "${quick[@]}"
echo
echo "Idle connections: heap of a stack for each"
if ((${#quick[@]})); then "$COAX_BIN/bench_idle" 1000 100000
else "$COAX_BIN/bench_idle"; fi
echo
if command -v valgrind >/dev/null; then
    echo "The same in instructions per unit (callgrind, virtual clock)"
    if ((${#quick[@]})); then bash bench/instructions.sh ping-1 ping-64 bulk-64K churn
    else bash bench/instructions.sh; fi
else
    echo "Instructions per unit: left out, valgrind is not installed"
fi
echo
echo "Echo on loopback: backend kernel against Boost.Asio on epoll; us: server, per message"
"$COAX_BIN/bench_kernel_echo" "${quick[@]}"
echo
if [[ ! -x $COAX_BIN/coax ]]; then
    echo "Echo over veth: left out, there is no program coax in $COAX_BIN"
elif (($(id -u) != 0)); then
    echo "Echo over veth: left out, network namespaces need root"
elif ((${#quick[@]})); then
    bash bench/network.sh --rounds 3 --seconds 1
    echo
    bash bench/impaired.sh --rounds 1 --mebibytes 8
else
    bash bench/network.sh
    echo
    bash bench/impaired.sh
fi
