// Resets and other answers to what is not acceptable, and the limits on them.
#include "stack/tcp/lifecycle.hpp"

namespace coax::stack::tcp {

// Those that wait for a neighbour that does not exist must not keep back the others.
reply* make_reply(core& k, const flow& ends) noexcept {
    reply* r = k.replies.create();
    if (r == nullptr && !k.replies_by_age.empty()) {
        k.count.add(counted::replies_evicted);
        k.replies.destroy(&k.replies_by_age.front());
        r = k.replies.create();
    }
    if (r == nullptr) return nullptr;
    r->ends_ = ends;
    k.replies_by_age.push_back(*r);
    return r;
}

namespace {

// <SEQ=sequence><CTL=RST>, with <ACK=...> when `ack` is true. nullptr: not now (counted).
reply* make_reset(core& k, const flow& ends, const path& route, std::uint32_t sequence, bool ack,
                  std::uint32_t acknowledgment) noexcept {
    reply* r = make_reply(k, ends);
    if (r == nullptr) {
        k.count.add(counted::resets_suppressed);
        return nullptr;
    }
    r->route = route;
    r->sequence = sequence;
    r->ack = ack;
    r->acknowledgment = acknowledgment;
    k.make_ready(*r);
    return r;
}

}  // namespace

void queue_reset(core& k, const connection& c, instant now) noexcept {
    reply* const r = make_reset(k, c.ends_, c.route, c.snd.nxt.value(), true, c.rcv.nxt.value());
    if (r == nullptr) return;
    r->traffic_class = c.rcv.traffic_class;
    r->hops = hops_of(c);
    if (!c.timestamps) return;
    r->has_timestamps = true;  // RFC 7323 3.2: SHOULD, on resets too
    r->timestamps = {k.milliseconds(now) + c.ts.offset, c.ts.recent};
}

// Where the peer stands by its own word: our FIN, or the last data, may not have reached it, and a
// reset beyond what it expects would only be challenged (RFC 5961 3.2).
void reset_connection_in_answer(core& k, const connection& c, const incoming& in) noexcept {
    reply* const r = make_reset(k, c.ends_, c.route, in.ack.value(), false, 0);
    if (r == nullptr) return;
    r->traffic_class = c.rcv.traffic_class;
    r->hops = hops_of(c);
    if (!c.timestamps) return;
    r->has_timestamps = true;  // RFC 7323 3.2: SHOULD, on resets too
    r->timestamps = {k.milliseconds(in.now) + c.ts.offset, c.ts.recent};
}

void reset_in_answer(core& k, const flow& ends, const path& route, const incoming& in) noexcept {
    if (in.header.flags.rst) return;  // RFC 9293 3.10.7.1: never in answer to a reset
    // All strangers share this limit, so it is not exact: who counts his own resets must not learn
    // whether a forged segment brought one, that is, whether there is such a connection.
    if (!k.resets_allowed.take(in.now, static_cast<unsigned>(k.randomness.next() % 3))) {
        k.count.add(counted::resets_suppressed);
        return;
    }
    // RFC 9293 3.5.2 group 1: the reset takes its sequence number from the ACK field, or is zero
    // with an acknowledgment of all that came.
    if (in.header.flags.ack) make_reset(k, ends, route, in.ack.value(), false, 0);
    else make_reset(k, ends, route, 0, true, (in.first + in.length).value());
}

// A count per connection tells an attacker on another connection nothing: the shared count of
// RFC 5961 7 was a side channel, which RFC 5961 10 did not see (CVE-2016-5696).
bool may_challenge(core& k, std::uint32_t& last, instant now) noexcept {
    const std::uint32_t ms = k.milliseconds(now);
    const auto interval = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(k.config.challenge_ack_interval)
            .count());
    if (last != 0 && ms - last < interval) {
        k.count.add(counted::challenges_suppressed);
        return false;
    }
    last = ms;
    k.count.add(counted::challenge_acks);
    return true;
}

}  // namespace coax::stack::tcp
