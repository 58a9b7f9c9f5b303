#!/bin/bash
# `coax load` against servers that are not coax: nginx and Redis on the kernel's sockets, asked over
# the backends kernel and xdp. Seconds; function, not figures.
set -u
. "${BASH_SOURCE[0]%/*}/lib/services.sh"

services_lab lforeign xdp-native
json=$lab_directory/load.json

# load ARGUMENT...: a short one on the backend $spec, which must end without an error.
load() {
    lab_on_coax timeout 60 "$coax" load "$@" --backend "$spec" --duration 0.3 --json "$json" \
        >"$lab_directory/load" 2>&1 || fail "load $* on $spec: $(cat "$lab_directory/load")"
    grep -q '"messages": [1-9]' "$json" || fail "load $* on $spec: no message"
    grep -q '"errors": 0' "$json" || fail "load $* on $spec: errors"
    grep -q '"mismatches": 0' "$json" || fail "load $* on $spec: mismatches"
}

start_nginx() {
    cat >"$lab_directory/nginx.conf" <<CONF
daemon off; master_process off; pid $lab_directory/nginx.pid; error_log stderr;
events { worker_connections 512; }
http {
    access_log off; keepalive_requests 50;
    client_body_temp_path $lab_directory/t1; proxy_temp_path $lab_directory/t2;
    fastcgi_temp_path $lab_directory/t3; uwsgi_temp_path $lab_directory/t4;
    scgi_temp_path $lab_directory/t5;
    server {
        listen $lab_peer_ip:80; root $lab_directory/files;
        location /refused { return 503; }
    }
}
CONF
    lab_start_on_peer "$lab_directory/nginx" nginx -e stderr -p "$lab_directory" \
        -c "$lab_directory/nginx.conf"
    nginx_pid=$lab_pid
    local turns=250
    until lab_on_peer curl -s -o "$lab_directory/copy" "http://$lab_peer_ip/1"; do
        [ $((turns -= 1)) -gt 0 ] || fail "no nginx: $(cat "$lab_directory/nginx")"
        sleep 0.02
    done
}

nginx_is_asked() {
    local status=0
    load http "http://$lab_peer_ip/1" --connections 8
    grep -q '"200": [1-9]' "$json" || fail "no status 200"
    load http "http://$lab_peer_ip/1" --connections 4 --pipeline 8
    load http "http://$lab_peer_ip/1048576" --connections 2
    load http "http://$lab_peer_ip/1" --connections 8 --rate 500
    grep -q '"messages": 150,' "$json" || fail "500/s are not 150 in 0.3 s: $(head -4 "$json")"
    lab_on_coax timeout 60 "$coax" load http "http://$lab_peer_ip/refused" --backend "$spec" \
        --duration 0.2 --json "$json" >"$lab_directory/load" 2>&1 || status=$?
    [ $status = 1 ] || fail "status $status of a load that is refused"
    grep -q '"status 503": [1-9]' "$json" || fail "503 is not counted"
    passed "nginx over $spec"
}

redis_is_asked() {
    load echo --connect "$lab_peer_ip:6379" --connections 8 --request 'PING\r\n' \
        --reply '+PONG\r\n'
    load echo --connect "$lab_peer_ip:6379" --connections 4 --pipeline 16 \
        --request 'INCR n\r\n' --reply-end '\r\n'
    load echo --connect "$lab_peer_ip:6379" --request 'SET k abc\r\n' --reply-size 5
    load echo --connect "$lab_peer_ip:6379" --request 'GET k\r\n' --reply '\x243\r\nabc\r\n'
    load tcp-churn --connect "$lab_peer_ip:6379" --request 'PING\r\n' --reply '+PONG\r\n' \
        --connections 4 --rate 500
    passed "Redis over $spec"
}

# Debian's redis-tools has the server too: the program goes by the name it is called by.
redis=$(command -v redis-check-rdb) || fail "redis-tools is not installed"
command -v nginx >/dev/null || fail "nginx-light is not installed"
lab_start_on_peer "$lab_directory/redis" bash -c "exec -a redis-server $redis --port 6379 \
    --bind $lab_peer_ip --protected-mode no --save '' --appendonly no --dir $lab_directory"
redis_pid=$lab_pid
lab_await "$lab_directory/redis" "Ready to accept connections" || fail "no Redis"
start_nginx
for spec in kernel "$client_spec"; do
    nginx_is_asked
    redis_is_asked
done
lab_end "$nginx_pid" || true
lab_end "$redis_pid" || true
exit 0
