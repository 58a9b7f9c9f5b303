#!/bin/bash
# HTTP, HTTPS and WebSocket against real clients on backend xdp, mode skb: see lib/web.sh.
set -u
. "${BASH_SOURCE[0]%/*}/lib/web.sh"

web_suite wskb xdp-skb
