// RFC 9293 3.10.7.3: the answer to our SYN, or the peer's own (simultaneous open).
#include <algorithm>

#include "stack/tcp/ecn.hpp"
#include "stack/tcp/input.hpp"
#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/user_timeout.hpp"

namespace coax::stack::tcp {

namespace {

void take_options(core& k, connection& c, const incoming& in) noexcept {
    const syn_options options = read_syn_options(k, c.ends_, in);
    c.snd.peer_mss = options.peer_mss;
    c.window_scaling = options.window_scaling;
    c.sack = options.sack;
    c.snd.scale = options.peer_scale;
    if (!c.window_scaling) c.rcv.scale = 0;
    c.timestamps = options.timestamps;
    // RFC 3168 6.1.1: both sides said so, and no SYN of ours went without saying so.
    c.congestion.ecn = c.congestion.ecn_choice == ecn_use::request && c.retries == 0 &&
                       (in.header.flags.ack ? is_ecn_setup_syn_ack(in.header.flags)
                                            : is_ecn_setup_syn(in.header.flags));
    take_user_timeout(k, c, in.header.options.user_timeout);
    c.ts.recent = options.ts_value;
    c.ts_recent_age = timestamp_age(in.now);
}

}  // namespace

disposition input_syn_sent(core& k, connection& c, incoming& in) noexcept {
    const wire::tcp_flags& flags = in.header.flags;
    // First. una is ISS, nxt is ISS + 1: nothing else can be acknowledged, and nothing at all while
    // the SYN waits for a route or a neighbour.
    if (flags.ack && (in.ack != c.snd.nxt || c.snd.nxt == c.snd.una)) {
        reset_in_answer(k, c.ends_, c.route, in);
        return disposition::bad_ack;
    }
    if (flags.rst) {  // second
        if (!flags.ack) return disposition::blind_reset;
        k.count.add(counted::resets_received);
        k.count.add(counted::failed_opens);
        end(k, c, error::connection_refused);
        return disposition::consumed;
    }
    if (!flags.syn) return disposition::invalid;  // fifth
    // Fourth
    c.rcv.nxt = c.rcv.acked = in.first + 1;
    c.rcv.edge = c.rcv.nxt + std::min(c.rcv.capacity, 0xffffU);
    c.receiving.start(c.rcv.nxt);
    take_options(k, c, in);
    c.snd.wnd = c.snd.wnd_max = in.header.window;  // never scaled in a SYN, RFC 7323 2.2
    c.snd.wl1 = in.first;
    c.snd.wl2 = in.ack;
    if (!flags.ack) {  // MUST-10, simultaneous open: <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>
        c.current = state::syn_received;
        c.syn_pending = true;
        c.snd.wl2 = c.snd.una;
        k.make_ready(c);
        return disposition::consumed;
    }
    c.snd.una = in.ack;
    if (c.retries == 0 && !c.flying.empty() && !c.flying.oldest().resent)
        c.rtt.sample(in.now - c.flying.oldest().sent_at, k.timeouts);
    else c.rtt.distrust(k.config);
    establish(k, c, in.now);
    c.ack_now = true;
    k.notify(c, &readiness::connected);
    k.notify(c, &readiness::writable);
    k.make_ready(c);
    if (in.length == 1) return disposition::consumed;
    // "If there are other controls or text in the segment, then continue processing at the sixth
    // step": the SYN is taken off, the rest begins at RCV.NXT.
    in.first += 1;
    in.length -= 1;
    return input_text(k, c, in);
}

}  // namespace coax::stack::tcp
