// The door of TCP: finds who a segment is for and counts what became of it.
#include "stack/tcp/input.hpp"

namespace coax::stack::tcp {

namespace {

disposition dispatch(core& k, connection& c, incoming& in) noexcept {
    if (is_predicted(c, in)) return input_predicted(k, c, in);
    if (c.current == state::syn_sent) return input_syn_sent(k, c, in);
    return input_synchronized(k, c, in);
}

disposition deliver(core& k, const flow& ends, incoming& in) noexcept {
    if (k.last_found != nullptr && same(k.last_found->ends_, ends))
        return dispatch(k, *k.last_found, in);
    const reference to = k.find_flow(ends, k.keys.demux_hash(ends));
    switch (to.which()) {
        case reference::kind::connection:
            k.last_found = k.connections.at(to.index());
            return dispatch(k, *k.last_found, in);
        case reference::kind::half_open:
            return input_half_open(k, *k.half_opens.at(to.index()), in);
        case reference::kind::time_wait:
            return input_time_wait(k, *k.time_waits.at(to.index()), ends, in);
        case reference::kind::none: break;
    }
    if (binding* listener = k.ports.find_listener(ends.local))
        return input_listen(k, *listener, ends, in, std::nullopt);
    return input_closed(k, ends, in);
}

}  // namespace

disposition layer::input(const flow& ends, const wire::tcp_header& header, payload_view payload,
                         instant now) noexcept {
    core& k = *core_;
    const auto size = static_cast<std::uint32_t>(payload.size());
    incoming in{header,
                payload,
                now,
                seq(header.sequence),
                seq(header.acknowledgment),
                size + (header.flags.syn ? 1U : 0U) + (header.flags.fin ? 1U : 0U),
                header.flags.fin};
    const disposition d = deliver(k, ends, in);
    k.count.add(d);
    return d;
}

}  // namespace coax::stack::tcp
