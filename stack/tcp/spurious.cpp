// Detecting spurious retransmissions, and what follows.
#include "stack/tcp/spurious.hpp"

#include "stack/tcp/congestion_events.hpp"

namespace coax::stack::tcp {

namespace {

using mode = recovery_state::mode;
using check = recovery_state::spurious_check;

// RFC 3522 3.2 steps 4 and 5: what was sent again is acknowledged, and the echo is older than the
// first retransmission, so the original did arrive.
bool by_timestamp(const connection& c, const incoming& in, const delivery& d) noexcept {
    const recovery_state& r = *c.recovery;
    const auto& stamps = in.header.options.timestamps;
    return r.in != mode::none && d.resent_acked && r.resent_any && c.timestamps && stamps &&
           stamps->echo != 0 && timestamp_before(stamps->echo, r.resent_stamp);
}

// RFC 3708 3: every retransmission came back as a duplicate.
bool by_dsack(const connection& c, const delivery& d) noexcept {
    const recovery_state& r = *c.recovery;
    return d.dsack && r.resent_any && r.resent_bytes == 0;
}

// RFC 5682 3.1 step 3 (b), 2.1 step 3 (b): after the timeout, something arrived that was sent
// before it and only once. Without SACK the first acknowledgment does not count: what it covers
// may have been there long before.
bool by_forward(const connection& c, const delivery& d) noexcept {
    const recovery_state& r = *c.recovery;
    if (r.in != mode::timeout || !d.original) return false;
    return r.forward == check::second || (r.forward == check::first && c.sack);
}

}  // namespace

void undo_remember(connection& c) noexcept {
    recovery_state& r = *c.recovery;
    r.before = c.congestion;
    r.undoable = true;
    r.undo_marker = c.snd.una;
    r.undo_limit = c.snd.nxt;
    r.resent_bytes = r.repaired = 0;
    r.resent_any = false;
}

void undo_on_resent(recovery_state& r, std::uint32_t bytes, std::uint32_t stamp) noexcept {
    if (!r.undoable) return;
    if (!r.resent_any) r.resent_stamp = stamp;
    r.resent_any = true;
    r.resent_bytes += bytes;
}

bool undo_if_spurious(core& k, connection& c, const incoming& in, const delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    if (!r.undoable) return false;
    if (by_timestamp(c, in, d)) k.count.add(counted::spurious_by_timestamp);
    else if (by_dsack(c, d)) k.count.add(counted::spurious_by_dsack);
    else if (by_forward(c, d)) k.count.add(counted::spurious_by_forward_rto);
    else return false;
    scoreboard_forgive(c);
    r.in = mode::none;
    r.forward = check::none;
    r.undoable = r.must_resend = r.new_data_first = r.guarded = false;
    r.duplicates = 0;
    r.counted = 0;
    congestion_on_undo(k, c, r.before, d.now);  // RFC 4015 3.2
    return true;
}

void check_forward(connection& c, const delivery& d) noexcept {
    recovery_state& r = *c.recovery;
    switch (r.forward) {
        case check::none: return;
        case check::first: {
            if (d.acked == 0) {  // RFC 5682 2.1 step 2 (a)
                if (d.duplicate || d.sacked != 0) r.forward = check::none;
                return;
            }
            // step 2 (b): new data instead of retransmissions, if there is some and room for it
            const bool can = c.sending.size() > c.outstanding() && c.snd.wnd > c.outstanding();
            r.forward = can ? check::second : check::none;
            r.new_data_first = can;
            return;
        }
        case check::second:  // step 3 (a): the loss was real
            r.forward = check::none;
            r.new_data_first = false;
            return;
    }
}

}  // namespace coax::stack::tcp
