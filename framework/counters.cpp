// Everything a context counts, as one list.
#include "framework/engine.hpp"

namespace coax::detail {

std::vector<counter> engine::counters() const {
    std::vector<counter> all{
        {"loop.turns", counts_.turns},       {"loop.handlers", counts_.handlers},
        {"loop.spins", counts_.spins},       {"loop.sleeps", counts_.sleeps},
        {"loop.wakes", doorbell_.presses()}, {"ring.enters", ring_.enters()},
    };
    transport_->append_counters(all);
    if (resolver_) resolver_->append_counters(all);
    return all;
}

}  // namespace coax::detail
