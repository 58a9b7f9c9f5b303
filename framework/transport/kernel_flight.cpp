// The pool of flights. Knows no ring and no socket.
#include "framework/transport/kernel_flight.hpp"

#include <cassert>

#include "framework/transport/kernel_socket.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

void flight::on_completion(std::int32_t result, std::uint32_t flags) noexcept {
    home->land(*this, result, flags);
}

flight& flight_pool::take(flight::purpose what, kernel_socket* owner, socket_operation* operation) {
    if (free_ == nullptr) {
        auto& slab = slabs_.emplace_back(std::make_unique<flight[]>(slab_size));
        for (std::size_t i = slab_size; i-- != 0;) {
            slab[i].home = &home_;
            slab[i].next = free_;
            free_ = &slab[i];
        }
    }
    flight& f = *free_;
    free_ = f.next;
    f.next = nullptr;
    f.what = what;
    f.owner = owner;
    f.operation = operation;
    f.in_use = true;
    f.cancelled = false;
    ++in_use_;
    return f;
}

void flight_pool::give_back(flight& f) noexcept {
    assert(f.in_use);
    f.in_use = false;
    f.owner = nullptr;
    f.operation = nullptr;
    f.next = free_;
    free_ = &f;
    --in_use_;
}

}  // namespace coax::detail
