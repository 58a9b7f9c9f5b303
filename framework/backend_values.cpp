// Field by field between the two worlds; and the list of what there is.
#include "framework/backend_values.hpp"

#include "backends/spec.hpp"

namespace coax {

namespace detail {

backend_description to_public(const backends::description& d) {
    return {d.kind, d.interface, d.mode, d.queues, d.offloads, d.mtu, d.addresses, d.notes};
}

backends::description to_internal(const backend_description& d) {
    return {d.kind, d.interface, d.mode, d.queues, d.offloads, d.mtu, d.addresses, d.notes};
}

}  // namespace detail

std::string backend_description::to_line() const { return detail::to_internal(*this).to_line(); }

std::vector<backend_availability> available_backends() {
    std::vector<backend_availability> all;
    for (auto& each : backends::available_backends())
        all.push_back({std::move(each.kind), each.available, std::move(each.reason),
                       std::move(each.example)});
    return all;
}

}  // namespace coax
