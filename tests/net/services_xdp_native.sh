#!/bin/bash
# The program end to end on backend xdp, mode native: see lib/services.sh.
set -u
. "${BASH_SOURCE[0]%/*}/lib/services.sh"

services_suite snative xdp-native
