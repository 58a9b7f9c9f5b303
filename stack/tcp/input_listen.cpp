// RFC 9293 3.10.7.2: a SYN for a listener becomes a half-open connection in its SYN queue.
#include <algorithm>

#include "stack/tcp/ecn.hpp"
#include "stack/tcp/elsewhere.hpp"
#include "stack/tcp/input.hpp"
#include "stack/tcp/lifecycle.hpp"

namespace coax::stack::tcp {

namespace {

bool is_multicast_or_broadcast(const ip_address& a) noexcept {
    if (a.is_v4()) return (a.to_v4() >> 28) >= 0xe;  // 224/4, 240/4 with 255.255.255.255
    return a.octets()[0] == 0xff;
}

// Room for one more, made by pushing out the oldest, which an honest peer has long completed.
half_open* make_room(core& k, binding& listener) noexcept {
    const bool full = listener.syn_count >= k.config.syn_queue_max;
    if (!full)
        if (half_open* h = k.half_opens.create()) return h;
    if (listener.half_opens.empty()) return nullptr;
    k.count.add(counted::syn_queue_evicted);
    destroy(k, listener.half_opens.front());
    return k.half_opens.create();
}

// RFC 4987 3.6. Not where the ISS has to be beyond an old connection's: a cookie can't be chosen.
bool wants_cookie(const core& k, const binding& listener, bool free_choice) noexcept {
    if (!free_choice) return false;
    switch (k.config.syn_cookies) {
        case syn_cookie_mode::off: return false;
        case syn_cookie_mode::always: return true;
        case syn_cookie_mode::on_overflow: break;
    }
    return listener.syn_count >= k.config.syn_queue_max ||
           k.half_opens.size() >= k.config.half_open_max;
}

}  // namespace

syn_options read_syn_options(const core& k, const flow& ends, const incoming& in) noexcept {
    const wire::tcp_options& o = in.header.options;
    syn_options result{};
    // RFC 9293 3.7.1 (MUST-15): without the option 536, or 1220 over IPv6.
    result.peer_mss = o.maximum_segment_size.value_or(ends.remote.address.is_v4() ? 536 : 1220);
    result.peer_mss = std::max(result.peer_mss, k.config.mss_min);
    result.window_scaling = k.config.window_scaling && o.window_scale.has_value();
    // RFC 7323 2.3: a shift above 14 counts as 14.
    if (result.window_scaling) result.peer_scale = std::min<std::uint8_t>(*o.window_scale, 14);
    result.timestamps = k.config.timestamps && o.timestamps.has_value();
    if (result.timestamps) result.ts_value = o.timestamps->value;
    result.sack = k.config.sack && o.sack_permitted;  // RFC 2018 2
    return result;
}

disposition input_listen(core& k, binding& listener, const flow& ends, incoming& in,
                         std::optional<seq> iss_floor) noexcept {
    const wire::tcp_flags& flags = in.header.flags;
    if (flags.rst) return disposition::invalid;  // first: ignored
    if (flags.ack) {  // second: an acknowledgment of nothing, unless of a cookie
        if (!flags.syn && in.now < listener.cookies_until)
            return input_cookie(k, listener, ends, in);
        reset_in_answer(k, ends, path(), in);
        return disposition::bad_ack;
    }
    if (!flags.syn || flags.fin) return disposition::invalid;
    // RFC 9293 3.9.2.3 (MUST-57), RFC 1122 4.2.3.10; and not from ourselves (LAND)
    const bool unicast = !is_multicast_or_broadcast(ends.remote.address);
    if (!unicast || ends.remote == ends.local) {
        k.count.add(unicast ? counted::land : counted::bad_peer);
        return disposition::invalid;
    }
    if (listener.accept_count >= listener.backlog) return disposition::backlog_full;
    if (wants_cookie(k, listener, !iss_floor)) return answer_with_cookie(k, listener, ends, in);
    half_open* h = make_room(k, listener);
    if (h == nullptr) return disposition::limit;
    h->ends_ = ends;
    h->hash = k.hash_of(ends);
    if (!enter_flow(k, ends, h->hash, reference(reference::kind::half_open, h->index))) {
        k.half_opens.destroy(h);
        k.count.add(counted::no_memory);
        return disposition::limit;
    }
    k.ports.add_connection(ends.local.port);
    h->listener = &listener;
    ++listener.syn_count;
    listener.half_opens.push_back(*h);
    // Third: RCV.NXT, IRS, ISS. Data on the SYN is not kept: it is not acknowledged either.
    h->rcv_nxt = in.first + 1;
    const secrets::beginnings from = k.keys.beginnings_of(ends, in.now);
    h->iss = from.sequence;
    if (iss_floor && h->iss < *iss_floor) h->iss = *iss_floor;
    h->peer_window = in.header.window;
    const syn_options options = read_syn_options(k, ends, in);
    h->peer_mss = options.peer_mss;
    h->peer_scale = options.peer_scale;
    h->window_scaling = options.window_scaling;
    h->timestamps = options.timestamps;
    h->ecn = listener.owner->congestion.ecn_choice != ecn_use::off && is_ecn_setup_syn(flags);
    h->sack = options.sack;
    h->user_timeout = in.header.options.user_timeout;
    h->ts_recent = options.ts_value;
    if (h->timestamps) h->ts_offset = from.timestamp_offset;
    const std::uint32_t capacity = listener.owner->rcv.capacity;
    h->scale = h->window_scaling ? offered_scale(k, *listener.owner) : std::uint8_t{0};
    h->window = std::min(capacity, 0xffffU);
    h->syn_ack_pending = true;
    k.timers.arm(*h, in.now + k.config.rto_initial);
    k.make_ready(*h);
    return disposition::consumed;
}

}  // namespace coax::stack::tcp
