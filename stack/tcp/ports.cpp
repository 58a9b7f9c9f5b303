// The table of local ports.
#include "stack/tcp/ports.hpp"

namespace coax::stack::tcp {

namespace {
bool overlap(const ip_address& a, const ip_address& b) noexcept {
    return port_table::covers(a, b) || port_table::covers(b, a);
}
}  // namespace

binding* port_table::find_listener(const endpoint& local) const noexcept {
    const auto at = ports_.find(local.port);
    if (at == ports_.end()) return nullptr;
    binding* best = nullptr;
    for (binding* b = at->second.first; b != nullptr; b = b->next) {
        if (!b->listening || !covers(b->local.address, local.address)) continue;
        if (b->local.address == local.address) return b;
        if (best == nullptr || best->local.address == ip_address()) best = b;
    }
    return best;
}

bool port_table::is_free(const endpoint& local, bool reuse) const noexcept {
    const auto at = ports_.find(local.port);
    if (at == ports_.end()) return true;
    if (!reuse && at->second.connections != 0) return false;
    for (const binding* b = at->second.first; b != nullptr; b = b->next) {
        if (!overlap(b->local.address, local.address)) continue;
        if (!reuse || !b->reuse || b->listening) return false;
    }
    return true;
}

bool port_table::can_listen(const binding& wanted) const noexcept {
    const auto at = ports_.find(wanted.local.port);
    if (at == ports_.end()) return true;
    for (const binding* b = at->second.first; b != nullptr; b = b->next)
        if (b != &wanted && b->listening && overlap(b->local.address, wanted.local.address))
            return false;
    return true;
}

bool port_table::has_bindings(std::uint16_t port) const noexcept {
    const auto at = ports_.find(port);
    return at != ports_.end() && at->second.first != nullptr;
}

bool port_table::has_listener(std::uint16_t port) const noexcept {
    const auto at = ports_.find(port);
    if (at == ports_.end()) return false;
    for (const binding* b = at->second.first; b != nullptr; b = b->next)
        if (b->listening) return true;
    return false;
}

void port_table::add(binding& b) noexcept {
    use& u = ports_[b.local.port];
    b.next = u.first;
    u.first = &b;
}

void port_table::remove(binding& b) noexcept {
    const auto at = ports_.find(b.local.port);
    binding** link = &at->second.first;
    while (*link != &b) link = &(*link)->next;
    *link = b.next;
    if (at->second.first == nullptr && at->second.connections == 0) ports_.erase(at);
}

void port_table::remove_connection(std::uint16_t port) noexcept {
    const auto at = ports_.find(port);
    if (--at->second.connections == 0 && at->second.first == nullptr) ports_.erase(at);
}

}  // namespace coax::stack::tcp
