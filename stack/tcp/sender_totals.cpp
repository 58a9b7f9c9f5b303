// Making, telling and giving back a connection's totals.
#include "stack/tcp/sender_totals.hpp"

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

void count_resent(core& k, connection& c, std::uint32_t bytes) noexcept {
    sender_totals* t = c.totals != 0 ? k.totals.at(c.totals - 1) : k.totals.create();
    if (t == nullptr) {
        k.count.add(counted::no_memory);
        return;
    }
    c.totals = t->index + 1;
    ++t->resent_segments;
    t->resent_bytes += bytes;
}

const sender_totals* totals_of(core& k, const connection& c) noexcept {
    return c.totals != 0 ? k.totals.at(c.totals - 1) : nullptr;
}

void forget_totals(core& k, connection& c) noexcept {
    if (c.totals != 0) k.totals.destroy(k.totals.at(c.totals - 1));
    c.totals = 0;
}

}  // namespace coax::stack::tcp
