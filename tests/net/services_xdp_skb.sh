#!/bin/bash
# The program end to end on backend xdp, mode skb: see lib/services.sh.
set -u
. "${BASH_SOURCE[0]%/*}/lib/services.sh"

services_suite sskb xdp-skb
