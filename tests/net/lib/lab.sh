#!/usr/bin/env bash
# A lab: two network namespaces joined by one veth pair, for tests and the demo. To be sourced by
# bash. It knows nothing of the programs that run in it. Nothing is ever made in the namespace of
# the caller: both ends of the pair are born inside the lab.
#
#   lab_make NAME [--queues N] [--mtu BYTES] [--no-kernel-address]
#                        makes a lab whose namespaces are coax-NAME-PID-a and -b; the lab is removed
#                        when the script ends, however it ends
#   lab_on_coax CMD...   runs CMD in the namespace where coax runs
#   lab_on_peer CMD...   runs CMD in the other one, the kernel's
#   lab_start_on_coax FILE CMD...   starts CMD there in the background, its output into FILE; its
#   lab_start_on_peer FILE CMD...   process id is in $lab_pid
#   lab_end PID [SIGNAL] ends a process started so, and waits for it; returns its exit status
#   lab_forget PID       waits for a process that ends by itself; returns its exit status
#   lab_await FILE TEXT [SECONDS]   waits until FILE holds TEXT (default 10 s); fails if it does not
#   lab_check TEXT CMD...   runs CMD; if it fails, says TEXT and what CMD printed, and ends all
#   lab_field FILE NAME  the number behind NAME in a program's output
#   lab_counter NAME     an snmp counter of the peer's kernel: UdpInCsumErrors, TcpInCsumErrors, ...
#   lab_remove           ends what runs in the lab and removes it; no harm if there is none
#
# A lab has:
lab_coax_ns= lab_peer_ns=      # the two namespaces
lab_coax_if=lab0               # where coax runs: an interface without the address coax owns
lab_peer_if=lab1               # the other end, in the kernel's hands
lab_coax_ip=198.18.0.2         # the address that coax owns: nowhere configured in the kernel
lab_kernel_ip=198.18.0.3       # the kernel's own address on coax's interface
lab_peer_ip=198.18.0.1         # the kernel's address on the other side
lab_prefix=24                  # length of the prefix of all three
lab_directory=                 # for files of the test; removed with the lab
lab_pid=
lab_pids=()

# Ends the script unless it runs as root. 77: a test that could not run, said as such.
lab_need_root() {
    [ "$(id -u)" = 0 ] && return
    echo "skipped: network namespaces need root" >&2
    exit 77
}

lab_make() {
    local name=$1 queues=1 mtu=1500 kernel_address=yes namespace
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --queues) queues=$2; shift 2 ;;
            --mtu) mtu=$2; shift 2 ;;
            --no-kernel-address) kernel_address=no; shift ;;
            *) echo "lab_make: unknown option $1" >&2; return 2 ;;
        esac
    done
    lab_remove
    trap lab_remove EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    lab_coax_ns=coax-$name-$$-a
    lab_peer_ns=coax-$name-$$-b
    lab_directory=$(mktemp -d) || return
    for namespace in "$lab_coax_ns" "$lab_peer_ns"; do
        ip netns add "$namespace" || return
        # Neighbour discovery and router solicitations are noise in these tests.
        ip netns exec "$namespace" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
            net.ipv6.conf.default.disable_ipv6=1 || return
        ip -n "$namespace" link set lo up || return
    done
    ip -n "$lab_coax_ns" link add "$lab_coax_if" mtu "$mtu" numrxqueues "$queues" \
        numtxqueues "$queues" type veth peer name "$lab_peer_if" mtu "$mtu" \
        numrxqueues "$queues" numtxqueues "$queues" netns "$lab_peer_ns" || return
    [ $kernel_address = no ] ||
        ip -n "$lab_coax_ns" address add "$lab_kernel_ip/$lab_prefix" dev "$lab_coax_if" || return
    ip -n "$lab_peer_ns" address add "$lab_peer_ip/$lab_prefix" dev "$lab_peer_if" || return
    ip -n "$lab_coax_ns" link set "$lab_coax_if" up || return
    ip -n "$lab_peer_ns" link set "$lab_peer_if" up
}

lab_on_coax() { ip netns exec "$lab_coax_ns" "$@"; }
lab_on_peer() { ip netns exec "$lab_peer_ns" "$@"; }

# `ip netns exec` becomes the command itself, so $! is the command's process id.
lab_start_on_coax() { lab_start "$lab_coax_ns" "$@"; }
lab_start_on_peer() { lab_start "$lab_peer_ns" "$@"; }
lab_start() {
    local namespace=$1 file=$2
    shift 2
    : >"$file"
    ip netns exec "$namespace" "$@" >>"$file" 2>&1 </dev/null &
    lab_pid=$!
    lab_pids+=("$lab_pid")
}

lab_end() {
    kill -s "${2:-TERM}" "$1" 2>/dev/null || true
    lab_forget "$1"
}

lab_forget() {
    local status=0 pid left=()
    wait "$1" 2>/dev/null || status=$?
    for pid in "${lab_pids[@]}"; do
        [ "$pid" = "$1" ] || left+=("$pid")
    done
    lab_pids=("${left[@]}")
    return $status
}

lab_await() {
    local file=$1 text=$2 turns=$((${3:-10} * 50))
    until grep -qF -- "$text" "$file" 2>/dev/null; do
        if [ $((turns -= 1)) -le 0 ]; then
            echo "waited in vain for '$text' in the output of the program, which is:" >&2
            cat "$file" >&2
            return 1
        fi
        sleep 0.02
    done
}

lab_check() {
    local text=$1 output
    shift
    output=$("$@" 2>&1) && return
    echo "FAILED: $text" >&2
    printf '%s\n' "$*" "$output" >&2
    exit 1
}

lab_field() { awk -v name="$2" '$1 == name { print $2; found = 1 } END { exit !found }' "$1"; }

lab_counter() {
    lab_on_peer awk -v wanted="$1" '
        { section = $1; sub(":", "", section) }
        section in names { split(names[section], name)
            for (i = 2; i <= NF; ++i) if (section name[i] == wanted) print $i
            delete names[section]; next }
        { names[section] = $0 }' /proc/net/snmp
}

lab_remove() {
    local namespace pid
    for pid in "${lab_pids[@]}"; do
        kill -s KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    lab_pids=()
    for namespace in "$lab_coax_ns" "$lab_peer_ns"; do
        [ -n "$namespace" ] && [ -e "/run/netns/$namespace" ] || continue
        # What a command of the lab left behind: the namespace is ours, so is everything in it.
        for pid in $(ip netns pids "$namespace" 2>/dev/null); do
            kill -s KILL "$pid" 2>/dev/null || true
        done
        ip netns delete "$namespace" || true
    done
    [ -z "$lab_directory" ] || rm -rf "$lab_directory"
    lab_coax_ns= lab_peer_ns= lab_directory=
}
