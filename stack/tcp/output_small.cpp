// What half-open connections, those in TIME-WAIT and replies without state put on the wire.
#include <algorithm>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/output.hpp"
#include "stack/tcp/user_timeout.hpp"

namespace coax::stack::tcp {

bool next_segment(core& k, half_open& h, instant now, segment& out) noexcept {
    if (!h.syn_ack_pending && !h.ack_pending) return false;
    const bool syn = h.syn_ack_pending;
    address(out, h.ends_, syn ? h.iss : h.iss + 1);
    wire::tcp_header& header = out.header;
    out.traffic_class = h.listener->owner->rcv.traffic_class;
    out.hops = hops_of(*h.listener->owner);
    header.flags.ack = true;
    header.acknowledgment = h.rcv_nxt.value();
    header.window = static_cast<std::uint16_t>(h.window >> (syn ? 0 : h.scale));
    if (h.timestamps)
        header.options.timestamps =
            wire::tcp_timestamps{k.milliseconds(now) + h.ts_offset, h.ts_recent};
    k.count.add(counted::segments_sent);
    h.ack_pending = false;
    if (!syn) return true;
    h.syn_ack_pending = false;
    h.announced_mss = offered_mss(h.ends_, h.route.mtu);
    const rare_state* const listens = h.listener->owner->rare;
    if (listens != nullptr && listens->mss_limit != 0)
        h.announced_mss = std::min(h.announced_mss, listens->mss_limit);
    header.flags.syn = true;
    header.flags.ece = h.ecn;
    header.options.maximum_segment_size = h.announced_mss;  // MUST-14, MAY-3
    header.options.user_timeout = told_user_timeout(k, listens);
    if (h.window_scaling) header.options.window_scale = h.scale;
    header.options.sack_permitted = h.sack;
    if (h.sent_at == instant{}) h.sent_at = now;
    return true;
}

bool next_segment(core& k, time_wait& t, instant now, segment& out) noexcept {
    if (!t.ack_pending) return false;
    t.ack_pending = false;
    address(out, t.ends_, t.snd_nxt);
    out.traffic_class = t.traffic_class;
    out.hops = t.hops;
    out.header.flags.ack = true;
    out.header.acknowledgment = t.rcv_nxt.value();
    out.header.window = t.window;
    if (t.timestamps)
        out.header.options.timestamps =
            wire::tcp_timestamps{k.milliseconds(now) + t.ts_offset, t.ts_recent};
    k.count.add(counted::segments_sent);
    return true;
}

bool next_segment(core& k, reply& r, segment& out) noexcept {
    if (r.sent) {
        k.replies.destroy(&r);
        return false;
    }
    r.sent = true;
    address(out, r.ends_, seq(r.sequence));
    out.traffic_class = r.traffic_class;
    out.hops = r.hops;
    out.header.flags.ack = r.ack;
    out.header.acknowledgment = r.acknowledgment;
    if (r.has_timestamps) out.header.options.timestamps = r.timestamps;
    k.count.add(counted::segments_sent);
    if (r.syn) {
        out.header.flags.syn = true;
        out.header.flags.ece = r.ece;
        out.header.window = r.window;
        out.header.options = r.options;
        out.header.options.maximum_segment_size = offered_mss(r.ends_, r.route.mtu);
        k.syn_ack_mtu = r.route.mtu;
        return true;
    }
    out.header.flags.rst = true;
    k.count.add(counted::resets_sent);
    return true;
}

}  // namespace coax::stack::tcp
