// Makes drivers of the queues of one host the drivers of its shards.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "backends/driver.hpp"
#include "backends/shards/exchange.hpp"

namespace coax::backends::shards {

// One driver for each queue, in order; `all` has as many shards, and its bells are open. What comes
// out is used each on a thread of its own.
std::vector<std::unique_ptr<driver>> join(std::vector<std::unique_ptr<driver>> queues,
                                          const std::shared_ptr<exchange>& all);

}  // namespace coax::backends::shards
