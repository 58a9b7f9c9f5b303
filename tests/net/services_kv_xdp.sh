#!/bin/bash
# The key-value server on backend xdp under redis-cli and redis-benchmark: see lib/kv.sh.
set -u
. "${BASH_SOURCE[0]%/*}/lib/kv.sh"

kv_suite kvxdp xdp-native
