// The place of one context in a group of shards: what was opened for it. Knows no loop.
#pragma once

#include <memory>

#include "backends/driver.hpp"

namespace coax::detail {

struct shard_place {
    std::unique_ptr<backends::driver> medium;  // null: kernel sockets
};

}  // namespace coax::detail
