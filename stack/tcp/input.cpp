// The door of TCP: finds who a segment is for and counts what became of it.
#include "stack/tcp/input.hpp"

#include "stack/tcp/elsewhere.hpp"

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

// Nobody has the flow.
disposition input_unclaimed(core& k, const flow& ends, incoming& in) noexcept {
    if (ends.local.port == 0 || ends.remote.port == 0) {  // reserved: nobody to answer to
        k.count.add(counted::port_zero);
        return disposition::invalid;
    }
    if (k.others != nullptr && goes_elsewhere(k, ends, in)) return disposition::elsewhere;
    if (binding* listener = k.ports.find_listener(ends.local))
        return input_listen(k, *listener, ends, in, std::nullopt);
    return input_closed(k, ends, in);
}

// `to`: who has the flow. One place for all steps behind it.
[[gnu::noinline]] [[gnu::flatten]] disposition deliver(core& k, reference to, const flow& ends,
                                                       incoming& in) noexcept {
    if (!has_usual_flags(in.header.flags)) [[unlikely]]
        count_strange_flags(k, in.header.flags);
    disposition d{};
    switch (to.which()) {
        case reference::kind::connection: d = dispatch(k, *k.connections.at(to.index()), in); break;
        case reference::kind::half_open:
            d = input_half_open(k, *k.half_opens.at(to.index()), in);
            break;
        case reference::kind::time_wait:
            d = input_time_wait(k, *k.time_waits.at(to.index()), ends, in);
            break;
        case reference::kind::none: d = input_unclaimed(k, ends, in); break;
    }
    k.count.add(d);
    return d;
}

reference reference_to(const connection& c) noexcept {
    return {reference::kind::connection, c.index};
}

incoming arrived(const wire::tcp_header& header, payload_view& payload, instant now,
                 bool ce) noexcept {
    const auto size = static_cast<std::uint32_t>(payload.size());
    return {header,
            payload,
            now,
            seq(header.sequence),
            seq(header.acknowledgment),
            size + (header.flags.syn ? 1U : 0U) + (header.flags.fin ? 1U : 0U),
            header.flags.fin,
            ce};
}

}  // namespace

disposition layer::input(const flow& ends, const wire::tcp_header& header, payload_view payload,
                         instant now, bool congestion_experienced) noexcept {
    core& k = *core_;
    incoming in = arrived(header, payload, now, congestion_experienced);
    if (k.last_found != nullptr && same(k.last_found->ends_, ends))
        return deliver(k, reference_to(*k.last_found), ends, in);
    const reference to = k.find_flow(ends, k.hash_of(ends));
    if (to.which() == reference::kind::connection) k.remember(*k.connections.at(to.index()));
    return deliver(k, to, ends, in);
}

disposition layer::input(const wire::ipv4_key& key, const wire::tcp_header& header,
                         payload_view payload, instant now) noexcept {
    core& k = *core_;
    incoming in = arrived(header, payload, now, false);
    const flow ends = flow_of(key);
    if (k.last_found != nullptr && k.last_key == key)
        return deliver(k, reference_to(*k.last_found), ends, in);
    const reference to = k.find_flow(key);
    if (to.which() == reference::kind::connection) {
        k.last_found = k.connections.at(to.index());
        k.last_key = key;
    }
    return deliver(k, to, ends, in);
}

}  // namespace coax::stack::tcp
