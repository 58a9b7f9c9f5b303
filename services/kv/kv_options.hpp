// What `coax serve kv` was asked to do.
#pragma once

#include "services/kv/store.hpp"
#include "services/program/options.hpp"

namespace coax::services {

struct kv_options {
    serve_options serve;
    kv::store_limits store;  // --memory, --eviction
};

}  // namespace coax::services
