# One bulk transfer over an impaired path, as pieces for the test and the benchmark of loss
# recovery: coax against the kernel over veth, and a kernel against a kernel over TAP devices, under
# the same faults. To be sourced by bash; the caller makes a lab first. Needs $COAX_BIN.
#
#   impaired_prepare BYTES FAULTS   makes the file, the TAP pair and its wire; FAULTS as in a
#                                   backend specification: "loss=0.005,delay=1ms,..."
#   impaired_transfer WHO ALGORITHM moves the file; WHO is one of the following. Leaves the
#                                   seconds it took in $impaired_seconds. Fails with a line.
#       coax-to-kernel  kernel-to-coax      coax on AF_XDP (native mode), its own faults
#       kernel-to-kernel                    through the wire between the TAP devices
#                                   ALGORITHM: cubic, newreno (the kernel's "reno") or bbr, at both
#                                   ends (bbr: at the kernel's if it has it, else reno)
# Every copy is compared with the file.

. "${BASH_SOURCE[0]%/*}/lab.sh"

impaired_file=
impaired_faults=
impaired_seconds=
readonly impaired_tap_a=198.19.0.1 impaired_tap_b=198.19.0.2

impaired_prepare() {
    local bytes=$1 namespace
    impaired_faults=$2
    impaired_file=$lab_directory/impaired
    head -c "$bytes" /dev/urandom >"$impaired_file" || return
    "$COAX_BIN/net_impaired_wire" "$lab_coax_ns:tap0" "$lab_peer_ns:tap1" "$impaired_faults" \
        >"$lab_directory/wire" 2>&1 </dev/null &
    lab_pids+=("$!")
    lab_await "$lab_directory/wire" ready || return
    ip -n "$lab_coax_ns" address add "$impaired_tap_a/24" dev tap0 || return
    ip -n "$lab_peer_ns" address add "$impaired_tap_b/24" dev tap1 || return
    ip -n "$lab_coax_ns" link set tap0 up || return
    ip -n "$lab_peer_ns" link set tap1 up || return
    for namespace in "$lab_coax_ns" "$lab_peer_ns"; do
        # What an earlier connection learned must not help the next one.
        ip netns exec "$namespace" sysctl -qw net.ipv4.tcp_no_metrics_save=1 || return
    done
}

# What the kernel calls it, or has in its place.
impaired_of_kernel() {
    local wanted=${1/newreno/reno}
    if grep -qw "$wanted" /proc/sys/net/ipv4/tcp_available_congestion_control; then
        echo "$wanted"
    else
        echo reno
    fi
}

impaired_transfer() {
    local who=$1 algorithm=$2 copy=$lab_directory/impaired.copy log=$lab_directory/impaired.log
    local spec=xdp:$lab_coax_if,ip=$lab_coax_ip/$lab_prefix,mode=native
    local size began server status=0 peer
    spec+=,congestion=$algorithm,$impaired_faults
    size=$(stat -c %s "$impaired_file")
    peer=("$COAX_BIN/net_kernel_peer" --congestion "$(impaired_of_kernel "$algorithm")")
    rm -f "$copy"
    case $who in
        coax-to-kernel | kernel-to-kernel)
            lab_start_on_peer "$log" "${peer[@]}" receive 9 "$copy"
            ;;
        kernel-to-coax)
            lab_start_on_peer "$log" "${peer[@]}" serve-file 8080 "$impaired_file"
            ;;
        *) echo "impaired_transfer: no way '$who'" >&2; return 2 ;;
    esac
    server=$lab_pid
    lab_await "$log" ready || return
    began=$(date +%s%N)
    case $who in
        coax-to-kernel)
            lab_on_coax timeout 300 "$COAX_BIN/coax" push "$impaired_file" --backend "$spec" \
                --connect "$lab_peer_ip:9" --timeout 60 >"$log.client" 2>&1 || status=$?
            ;;
        kernel-to-coax)
            lab_on_coax timeout 300 "$COAX_BIN/coax" fetch "http://$lab_peer_ip:8080/" \
                --backend "$spec" --output "$copy" --timeout 60 >"$log.client" 2>&1 || status=$?
            ;;
        kernel-to-kernel)
            lab_on_coax timeout 300 "${peer[@]}" send "$impaired_tap_b" 9 \
                "$impaired_file" "$copy.back" >"$log.client" 2>&1 || status=$?
            ;;
    esac
    impaired_seconds=$(awk -v ns=$(($(date +%s%N) - began)) 'BEGIN { printf "%.3f", ns / 1e9 }')
    if [ "$who" != kernel-to-coax ] && [ $status = 0 ]; then
        lab_await "$log" "received $size bytes" || status=1
    fi
    lab_end "$server" KILL || true
    if [ $status != 0 ]; then
        echo "$who, $algorithm: status $status" >&2
        cat "$log" "$log.client" >&2
        return 1
    fi
    cmp "$impaired_file" "$copy" || { echo "$who, $algorithm: not what was sent" >&2; return 1; }
}
