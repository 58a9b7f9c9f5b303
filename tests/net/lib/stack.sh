# The stack in a program of its own, net_xdp_stack, and a peer that asks it. To be sourced by bash;
# needs $COAX_BIN and $COAX_SOURCE. A test may ask for more than end_in_order.
. "$COAX_SOURCE/tests/net/lib/lab.sh"

start() { # SPECIFICATION
    out=$lab_directory/stack
    lab_start_on_coax "$out" "$COAX_BIN/net_xdp_stack" "$@"
    server=$lab_pid
    lab_await "$out" ready: || exit 1
}

end_in_order() {
    lab_end "$server"
    lab_check "the program ends in order" test $? = 0
}

expect() { # NAME OPERATOR NUMBER
    lab_check "$1 $2 $3, of: $(tr '\n' ' ' <"$out")" test "$(lab_field "$out" "$1")" "$2" "$3"
}

ask() { lab_on_peer "$COAX_BIN/net_tcp_ask" $lab_coax_ip 7 "$@"; }
