// The table of local ports.
#include "stack/tcp/ports.hpp"

namespace coax::stack::tcp {

namespace {
bool overlap(const ip_address& a, const ip_address& b) noexcept {
    return port_table::covers(a, b) || port_table::covers(b, a);
}
}  // namespace

binding* port_table::find_listener(const endpoint& local) const noexcept {
    const use* const at = find(local.port);
    if (at == nullptr) return nullptr;
    binding* best = nullptr;
    for (binding* b = at->first; b != nullptr; b = b->next) {
        if (!b->listening || !covers(b->local.address, local.address)) continue;
        if (b->local.address == local.address) return b;
        if (best == nullptr || best->local.address == ip_address()) best = b;
    }
    return best;
}

bool port_table::is_free(const endpoint& local, bool reuse) const noexcept {
    const use* const at = find(local.port);
    if (at == nullptr) return true;
    if (!reuse && at->connections != 0) return false;
    for (const binding* b = at->first; b != nullptr; b = b->next) {
        if (!overlap(b->local.address, local.address)) continue;
        if (!reuse || !b->reuse || b->listening) return false;
    }
    return true;
}

bool port_table::can_listen(const binding& wanted) const noexcept {
    const use* const at = find(wanted.local.port);
    if (at == nullptr) return true;
    for (const binding* b = at->first; b != nullptr; b = b->next)
        if (b != &wanted && b->listening && overlap(b->local.address, wanted.local.address))
            return false;
    return true;
}

bool port_table::has_bindings(std::uint16_t port) const noexcept {
    const use* const at = find(port);
    return at != nullptr && at->first != nullptr;
}

bool port_table::has_listener(std::uint16_t port) const noexcept {
    const use* const at = find(port);
    if (at == nullptr) return false;
    for (const binding* b = at->first; b != nullptr; b = b->next)
        if (b->listening) return true;
    return false;
}

void port_table::add(binding& b) noexcept {
    use& u = obtain(b.local.port);
    b.next = u.first;
    u.first = &b;
}

void port_table::remove(binding& b) noexcept {
    use& u = *find(b.local.port);
    binding** link = &u.first;
    while (*link != &b) link = &(*link)->next;
    *link = b.next;
    if (!u.is_used()) --size_;
}

}  // namespace coax::stack::tcp
