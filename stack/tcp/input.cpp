// The door of TCP: finds who a segment is for and counts what became of it.
#include "stack/tcp/input.hpp"

namespace coax::stack::tcp {

namespace {

disposition dispatch(core& k, connection& c, incoming& in) noexcept {
    const wire::tcp_flags& f = in.header.flags;
    if (f.ack && !f.syn && !f.fin && !f.rst && !f.urg && !f.ece && !f.cwr && !in.ce &&
        is_predicted(c, in))
        return input_predicted(k, c, in);
    if (c.current == state::syn_sent) return input_syn_sent(k, c, in);
    return input_synchronized(k, c, in);
}

// What scanners and attackers send to see what comes back. It goes the way of all segments, on
// which none of it is accepted.
[[gnu::noinline]] void count_strange_flags(core& k, const wire::tcp_flags& f) noexcept {
    if (f.syn) {
        k.count.add(f.rst ? counted::syn_rst : counted::syn_fin);
        return;
    }
    if (f.fin) k.count.add(f.urg && f.psh ? counted::xmas : counted::fin_without_ack);
    else k.count.add(counted::null_flags);
}

// RFC 9293 3.10.7: every segment is a SYN, a reset, or acknowledges something.
bool has_usual_flags(const wire::tcp_flags& f) noexcept {
    return f.syn ? !f.fin && !f.rst : f.ack || f.rst;
}

disposition deliver(core& k, const flow& ends, incoming& in) noexcept {
    if (k.last_found != nullptr && same(k.last_found->ends_, ends))
        return dispatch(k, *k.last_found, in);
    const reference to = k.find_flow(ends, k.hash_of(ends));
    switch (to.which()) {
        case reference::kind::connection: {
            connection& found = *k.connections.at(to.index());
            k.remember(found);
            return dispatch(k, found, in);
        }
        case reference::kind::half_open:
            return input_half_open(k, *k.half_opens.at(to.index()), in);
        case reference::kind::time_wait:
            return input_time_wait(k, *k.time_waits.at(to.index()), ends, in);
        case reference::kind::none: break;
    }
    if (ends.local.port == 0 || ends.remote.port == 0) {  // reserved: nobody to answer to
        k.count.add(counted::port_zero);
        return disposition::invalid;
    }
    if (binding* listener = k.ports.find_listener(ends.local))
        return input_listen(k, *listener, ends, in, std::nullopt);
    return input_closed(k, ends, in);
}

connection* find_plain(core& k, const wire::ipv4_key& key) noexcept {
    const reference to = k.table.find(k.hash_of(key), [&](reference r) {
        if (r.which() != reference::kind::connection) return false;
        const flow& ends = k.connections.at(r.index())->ends_;
        return is_ipv4(ends) && ipv4_key_of(ends) == key;
    });
    if (to.is_none()) return nullptr;
    k.last_found = k.connections.at(to.index());
    k.last_key = key;
    return k.last_found;
}

}  // namespace

bool layer::input_plain(const wire::plain_segment& segment, instant now) noexcept {
    core& k = *core_;
    connection* c = k.last_found;
    if (c == nullptr || k.last_key != segment.key) {
        c = find_plain(k, segment.key);
        if (c == nullptr) return false;
    }
    payload_view payload(segment.payload);
    incoming in{segment.header,
                payload,
                now,
                seq(segment.header.sequence),
                seq(segment.header.acknowledgment),
                static_cast<std::uint32_t>(segment.payload.size()),
                false};
    // What a host says to itself does not come from outside (RFC 1122 3.2.1.3).
    if (c->route.is_loopback() || !is_predicted(*c, in)) return false;
    k.count.add(input_predicted(k, *c, in));
    return true;
}

disposition layer::input(const flow& ends, const wire::tcp_header& header, payload_view payload,
                         instant now, bool congestion_experienced) noexcept {
    core& k = *core_;
    const auto size = static_cast<std::uint32_t>(payload.size());
    incoming in{header,
                payload,
                now,
                seq(header.sequence),
                seq(header.acknowledgment),
                size + (header.flags.syn ? 1U : 0U) + (header.flags.fin ? 1U : 0U),
                header.flags.fin,
                congestion_experienced};
    if (!has_usual_flags(header.flags)) [[unlikely]]
        count_strange_flags(k, header.flags);
    const disposition d = deliver(k, ends, in);
    k.count.add(d);
    return d;
}

}  // namespace coax::stack::tcp
