// SYN cookies at work (RFC 4987 3.6): a SYN,ACK for which nothing is kept, and the acknowledgment
// that becomes a connection by the numbers it brings back.
#include <algorithm>

#include "stack/tcp/ecn.hpp"
#include "stack/tcp/input.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/syn_cookie.hpp"
#include "stack/tcp/tuning.hpp"

namespace coax::stack::tcp {

namespace {

// What was offered to the peer, as it would stand in the SYN queue.
void recall(core& k, half_open& h, binding& listener, const flow& ends, const incoming& in,
            std::uint16_t peer_mss) noexcept {
    const std::uint32_t capacity = listener.owner->rcv.capacity;
    h.ends_ = ends;
    h.hash = k.hash_of(ends);
    h.listener = &listener;
    h.iss = in.ack - 1;
    h.rcv_nxt = in.first;
    h.window = std::min(capacity, 0xffffU);
    h.peer_mss = peer_mss;
    h.route.mtu = k.syn_ack_mtu;
    h.announced_mss = offered_mss(ends, k.syn_ack_mtu);
    const auto& stamps = in.header.options.timestamps;
    if (!k.config.timestamps || !stamps) return;
    const cookie_options options = options_of(stamps->echo);
    h.timestamps = true;
    h.ts_recent = stamps->value;
    h.ts_offset = k.keys.timestamp_offset(ends);
    h.sack = k.config.sack && options.sack;
    h.ecn = options.ecn && listener.owner->congestion.ecn_choice != ecn_use::off;
    h.window_scaling = k.config.window_scaling && options.peer_scale != cookie_options::no_scale;
    if (!h.window_scaling) return;
    h.peer_scale = options.peer_scale;
    h.scale = offered_scale(k, *listener.owner);
}

std::optional<std::uint16_t> read_cookie(const core& k, const flow& ends,
                                         const incoming& in) noexcept {
    return syn_cookie::check(k.keys, ends, in.first - 1, cookie_period(k, in.now), in.ack - 1,
                             k.config.mss_min);
}

}  // namespace

bool brings_cookie(const core& k, const flow& ends, const incoming& in) noexcept {
    return read_cookie(k, ends, in).has_value();
}

std::uint32_t cookie_period(const core& k, instant now) noexcept {
    return static_cast<std::uint32_t>(now.time_since_epoch() / k.config.syn_cookie_period);
}

disposition answer_with_cookie(core& k, binding& listener, const flow& ends,
                               const incoming& in) noexcept {
    reply* r = make_reply(k, ends);
    if (r == nullptr) return disposition::limit;
    const syn_options options = read_syn_options(k, ends, in);
    const std::uint32_t capacity = listener.owner->rcv.capacity;
    r->syn = r->ack = true;
    r->traffic_class = listener.owner->rcv.traffic_class;
    r->hops = hops_of(*listener.owner);
    r->sequence =
        syn_cookie::make(k.keys, ends, in.first, cookie_period(k, in.now), options.peer_mss)
            .value();
    r->acknowledgment = (in.first + 1).value();
    r->window = static_cast<std::uint16_t>(std::min(capacity, 0xffffU));
    if (options.timestamps) {  // without them there is no room for the others
        const std::uint32_t clock = k.milliseconds(in.now) + k.keys.timestamp_offset(ends);
        cookie_options kept;
        if (options.window_scaling) {
            kept.peer_scale = options.peer_scale;
            r->options.window_scale = offered_scale(k, *listener.owner);
        }
        kept.sack = r->options.sack_permitted = options.sack;
        kept.ecn = r->ece = listener.owner->congestion.ecn_choice != ecn_use::off &&
                            is_ecn_setup_syn(in.header.flags);  // RFC 3168 6.1.1
        r->options.timestamps =
            wire::tcp_timestamps{cookie_timestamp(clock, kept), options.ts_value};
    }
    listener.cookies_until = in.now + 2 * k.config.syn_cookie_period;
    if (k.others != nullptr) k.others->set_cookies_until(listener.cookies_until);
    k.count.add(counted::syn_cookies_sent);
    k.make_ready(*r);
    return disposition::consumed;
}

disposition input_cookie(core& k, binding& listener, const flow& ends, incoming& in) noexcept {
    const auto mss = read_cookie(k, ends, in);
    if (!mss) {
        k.count.add(counted::syn_cookies_failed);
        reset_in_answer(k, ends, path(), in);
        return disposition::bad_ack;
    }
    half_open recalled(0);  // in no pool, no queue and no table
    recall(k, recalled, listener, ends, in, *mss);
    connection* c = make_accepted(k, recalled, in);
    if (c == nullptr) {
        if (k.config.abort_on_overflow) reset_in_answer(k, ends, path(), in);
        return disposition::backlog_full;  // what the peer sends next brings the cookie again
    }
    c->ends_ = ends;
    c->route.mtu = k.syn_ack_mtu;
    if (!enter_table(k, *c)) {
        k.count.add(counted::no_memory);
        destroy(k, *c);
        return disposition::limit;
    }
    queue_accepted(k, listener, *c, in);
    k.count.add(counted::syn_cookies_accepted);
    // ESTABLISHED: "continue processing there".
    if (in.length == 0) return disposition::consumed_ack_only;
    return input_synchronized(k, *c, in);
}

}  // namespace coax::stack::tcp
