// Header prediction (Van Jacobson): what nearly every segment of an established connection is, the
// next data in order or an acknowledgment, handled without the steps it can't fail.
#include "stack/tcp/input.hpp"

namespace coax::stack::tcp {

bool is_predicted(const connection& c, const incoming& in) noexcept {
    if (c.current != state::established) return false;
    if (in.first != c.rcv.nxt || in.length > c.rcv.edge - in.first) return false;
    // On the circle of sequence numbers: SND.UNA =< SEG.ACK =< SND.NXT
    if (in.ack - c.snd.una > c.outstanding()) return false;
    if (c.receiving.has_gaps() || !c.attached) return false;
    if (!c.timestamps) return true;
    const auto& stamps = in.header.options.timestamps;
    return stamps.has_value() && !timestamp_before(stamps->value, c.ts.recent);
}

disposition input_predicted(core& k, connection& c, incoming& in) noexcept {
    if (c.timestamps && in.first <= c.rcv.acked) {  // RFC 7323 4.3 (2)
        c.ts.recent = in.header.options.timestamps->value;
        c.ts_recent_age = timestamp_age(in.now);
    }
    if (c.keep_alive) {
        c.probes_sent = 0;
        k.set_timer(c, timer::keep_alive, in.now + keep_alive_idle(k, c));
    }
    acknowledge(k, c, in);
    if (in.length == 0) {
        c.last_heard = coarse_instant(in.now);
        return disposition::consumed_ack_only;
    }
    return accept_predicted(k, c, in);
}

}  // namespace coax::stack::tcp
