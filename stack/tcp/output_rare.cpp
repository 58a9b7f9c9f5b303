// New data of a connection with rare state.
#include "stack/tcp/output_rare.hpp"

#include <algorithm>

#include "stack/tcp/urgent.hpp"

namespace coax::stack::tcp {

new_data_limits limit_new_data(core& k, connection& c, std::uint32_t unsent) noexcept {
    new_data_limits l{unsent, false, is_urgent(c)};
    const auto end = c.rare->records.next_after(k.blocks, c.snd.nxt);
    if (!end) return l;
    l.unsent = std::min(unsent, *end - c.snd.nxt);
    l.ends_record = l.unsent == *end - c.snd.nxt;
    return l;
}

bool is_pressing(connection& c, bool ends_record) noexcept {
    return ends_record || c.rare->push_due || is_urgent(c);
}

void finish_rare_data(connection& c, bool all, bool ends_record, transmission& record,
                      segment& out) noexcept {
    rare_state& rare = *c.rare;
    tell_urgent(c, out);
    if (!all) return;
    record.ends_record = ends_record;
    // More was promised: it may follow (as Linux).
    if (!ends_record && rare.more && !rare.expired) record.pushed = out.header.flags.psh = false;
    rare.push_due = rare.expired = false;
}

}  // namespace coax::stack::tcp
