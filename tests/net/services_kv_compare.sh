#!/bin/bash
# `coax serve kv` and a real Redis are asked the same: kv_compare.py.
set -u
. "${BASH_SOURCE[0]%/*}/lib/services.sh"

services_lab kvcompare kernel
# Debian's redis-tools has the server too: the program goes by the name it is called by.
redis=$(command -v redis-check-rdb) || fail "redis-tools is not installed"
lab_start_on_peer "$lab_directory/redis" bash -c "exec -a redis-server $redis --port 6379 \
    --bind $lab_peer_ip --protected-mode no --save '' --appendonly no --dir $lab_directory"
redis_pid=$lab_pid
lab_await "$lab_directory/redis" "Ready to accept connections" || fail "no Redis"
start_server kv --listen "$server_ip:6379"
lab_on_peer timeout 200 /usr/bin/python3 "$COAX_SOURCE/tests/net/kv_compare.py" \
    "$lab_peer_ip" 6379 "$server_ip" 6379 || fail "answers differ from those of Redis"
stop_server "0 errors"
lab_end "$redis_pid" || true
passed "the same answers as Redis"
exit 0
