#!/usr/bin/env bash
# Which frames the steering program gives to coax and which to the kernel, run in the kernel on
# hand-made frames.
set -u
. "$COAX_SOURCE/tests/net/lib/lab.sh"
lab_need_root
lab_make xdp-steer || exit 1
lab_check "the verdicts" lab_on_coax "$COAX_BIN/net_xdp_steer"
