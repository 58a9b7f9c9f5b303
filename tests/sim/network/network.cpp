// Who is connected with whom.
#include "tests/sim/network/network.hpp"

#include <algorithm>
#include <cassert>

#include "stack/wire/ethernet.hpp"

namespace coax::sim {

namespace {

constexpr std::uint8_t locally_administered = 0x02;

stack::mac_address mac_of(std::uint8_t kind, std::size_t number) noexcept {
    return {{locally_administered, 0xc0, 0xa0, kind, static_cast<std::uint8_t>(number >> 8),
             static_cast<std::uint8_t>(number)}};
}

}  // namespace

network::~network() = default;

host& network::add_host(const host_options& options) {
    hosts_.push_back(std::make_unique<host>(time_, frames_, options, mac_of(1, hosts_.size() + 1)));
    return *hosts_.back();
}

lane& network::add_lane(const lane_options& options, std::uint64_t seed) {
    lanes_.push_back(std::make_unique<lane>(time_, frames_, options, seed));
    return *lanes_.back();
}

router& network::add_router() {
    routers_.push_back(std::make_unique<router>(frames_));
    return *routers_.back();
}

void network::cable(host& a, host& b, const lane_options& there, const lane_options& back,
                    std::uint64_t seed) {
    lane& forth = add_lane(there, seed * 2);
    lane& home = add_lane(back, seed * 2 + 1);
    forth.lead_to(b.card());
    home.lead_to(a.card());
    a.connect(forth);
    b.connect(home);
    lines_.push_back({&a, &forth, b.card().capabilities().address});
    lines_.push_back({&b, &home, a.card().capabilities().address});
}

void network::attach(router& at, host& h, const lane_options& to_router,
                     const lane_options& to_host, std::uint16_t mtu, bool tells_mtu,
                     std::uint64_t seed) {
    lane& up = add_lane(to_router, seed * 2);
    lane& down = add_lane(to_host, seed * 2 + 1);
    router_port_options port;
    port.own = {h.options().gateway, h.options().address.length};
    port.address = mac_of(2, lanes_.size());
    port.neighbour = h.address();
    port.neighbour_mac = h.card().capabilities().address;
    port.mtu = mtu;
    port.tells_mtu = tells_mtu;
    up.lead_to(at.add_port(port, down));
    down.lead_to(h.card());
    h.connect(up);
    lines_.push_back({&h, &up, port.address});
}

void network::inject(const host& at, frame_ptr forged) {
    const auto way = std::find_if(lines_.begin(), lines_.end(),
                                  [&at](const line& each) { return each.from == &at; });
    assert(way != lines_.end());
    stack::wire::emit_ethernet(
        {way->next, at.card().capabilities().address, stack::wire::ethernet_type_ipv4},
        forged->data());
    way->out->send(std::move(forged));
}

void network::watch_with(frame_observer& observer) {
    for (const auto& each : hosts_) each->card().watch_with(&observer);
}

bool network::run_until(const std::function<bool()>& done, stack::duration limit) {
    const stack::instant end = now() + limit;
    while (!done())
        if (!time_.run_next(end)) return done();
    return true;
}

}  // namespace coax::sim
