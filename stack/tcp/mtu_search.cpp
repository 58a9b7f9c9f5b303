// The search between the size that passes and the smallest that may not.
#include "stack/tcp/mtu_search.hpp"

#include <algorithm>
#include <array>

#include "stack/tcp/lifecycle.hpp"
#include "stack/tcp/recovery.hpp"

namespace coax::stack::tcp {

namespace {

constexpr std::uint16_t close_enough = 8;     // bytes: nothing to win by another probe
constexpr std::uint32_t segments_behind = 3;  // that tell of a lost probe by duplicates
constexpr std::uint16_t minimum_ipv6 = 1280;  // RFC 8200 5

// RFC 1191 7.1, table 7-1: what links commonly carry.
constexpr std::array<std::uint16_t, 10> plateaus{32000, 17914, 8166, 4352, 2002,
                                                 1492,  1006,  508,  296,  68};

std::uint16_t plateau_below(std::uint16_t mtu) noexcept {
    for (const std::uint16_t p : plateaus)
        if (p < mtu) return p;
    return plateaus.back();
}

std::uint16_t least_mtu(const core& k, const connection& c) noexcept {
    return c.ends_.remote.address.is_v4() ? k.config.path_mtu_min : minimum_ipv6;
}

// Larger packets are never sent: by the link, or because the peer would not take them.
std::uint16_t most_mtu(const connection& c) noexcept {
    const std::uint32_t headers = c.route.mtu - std::uint32_t{offered_mss(c.ends_, c.route.mtu)};
    return static_cast<std::uint16_t>(
        std::min<std::uint32_t>(c.route.mtu, c.snd.peer_mss + headers));
}

std::uint16_t current_mtu(const connection& c) noexcept {
    return is_path_limited(c) ? std::min(c.rare->mtu_limit, most_mtu(c)) : most_mtu(c);
}

// IP's and TCP's, with the options that every segment carries.
std::uint32_t headers_of(const connection& c) noexcept {
    return c.route.mtu - std::uint32_t{offered_mss(c.ends_, c.route.mtu)} +
           (c.timestamps ? 12U : 0U);
}

void limit_to(connection& c, std::uint16_t mtu, instant now) noexcept {
    rare_state& r = *c.rare;
    r.mtu_limit = mtu;
    r.mtu_since = core::seconds(now);
    r.mtu_probe = 0;
    update_mss(c);
}

// Nothing above `mtu_limit` is tried until path_mtu_lifetime is over.
void end_search(connection& c, instant now) noexcept {
    rare_state& r = *c.rare;
    r.mtu_ceiling = 0;
    r.mtu_since = core::seconds(now);
    if (r.mtu_limit < most_mtu(c)) return;
    r.mtu_limit = 0;  // the route's is the limit again
    update_mss(c);
}

// The segment that carried the probe is acknowledged, or it was sent again in smaller ones.
void settle_probe(core& k, connection& c, instant now) noexcept {
    rare_state& r = *c.rare;
    if (r.mtu_probe == 0 || c.snd.una < r.mtu_probe_end) return;
    if (!r.mtu_resent) {
        limit_to(c, r.mtu_probe, now);
    } else {
        k.count.add(counted::mtu_probes_lost);
        r.mtu_ceiling = static_cast<std::uint16_t>(r.mtu_probe - 1);
        r.mtu_failed = true;
        r.mtu_probe = 0;
    }
    if (r.mtu_ceiling < r.mtu_limit + close_enough) end_search(c, now);
}

// RFC 1191 6.3: paths change; after ten minutes more is tried.
void try_more(core& k, connection& c, instant now) noexcept {
    rare_state& r = *c.rare;
    const auto age = std::chrono::seconds(core::seconds(now) - r.mtu_since);
    if (r.mtu_ceiling != 0 || age < k.config.path_mtu_lifetime) return;
    if (k.config.mtu_probing == mtu_probing::off) {
        r.mtu_limit = 0;
        update_mss(c);
        return;
    }
    r.mtu_ceiling = most_mtu(c);
    r.mtu_failed = false;
    if (r.mtu_ceiling <= r.mtu_limit) end_search(c, now);
}

}  // namespace

void learn_path_mtu(core& k, connection& c, std::uint16_t told, instant now) noexcept {
    const std::uint16_t current = current_mtu(c);
    // RFC 1191 5: an old router does not say; then it is the next lower of the common sizes.
    const std::uint16_t wanted = told != 0 ? told : plateau_below(current);
    const std::uint16_t limit = std::max(wanted, least_mtu(k, c));
    // RFC 5927 7.2: never larger than now, never below what every path carries.
    if (limit >= current || rare_of(k, c) == nullptr) return;
    c.rare->mtu_ceiling = 0;
    limit_to(c, limit, now);
    recovery_resend_all(k, c);  // RFC 1191 6.5
}

void suspect_black_hole(core& k, connection& c, instant now) noexcept {
    if (k.config.mtu_probing == mtu_probing::off || c.flying.empty() ||
        !c.flying.settle(k.flights, c.snd.una, c.snd.nxt))
        return;
    const std::uint16_t current = current_mtu(c);
    const std::uint16_t least = least_mtu(k, c);
    // What every path carries is no sign; anything larger may be the one too large.
    const std::uint32_t lost = std::min<std::uint32_t>(c.flying.oldest().size(), c.snd.mss);
    if (lost + headers_of(c) <= least || c.snd.wnd < lost) return;  // or the window closed over it
    const std::uint16_t base = std::max(k.config.mtu_base, least);
    const std::uint16_t limit =
        current > base ? base : std::max(static_cast<std::uint16_t>(current / 2), least);
    if (limit >= current || rare_of(k, c) == nullptr) return;
    k.count.add(counted::black_holes);
    // What failed may have failed for another reason: it is tried again when things go on.
    c.rare->mtu_ceiling = std::max(c.rare->mtu_ceiling, current);
    c.rare->mtu_failed = false;
    limit_to(c, limit, now);
    recovery_resend_all(k, c);
}

void begin_search(core& k, connection& c, instant now) noexcept {
    const std::uint16_t base = std::max(k.config.mtu_base, least_mtu(k, c));
    if (base >= most_mtu(c) || rare_of(k, c) == nullptr) return;
    c.rare->mtu_ceiling = most_mtu(c);
    c.rare->mtu_failed = false;
    limit_to(c, base, now);
}

std::uint32_t next_probe_size(core& k, connection& c, std::uint32_t unsent, std::uint32_t usable,
                              instant now) noexcept {
    rare_state& r = *c.rare;
    settle_probe(k, c, now);
    if (!is_path_limited(c)) return 0;
    try_more(k, c, now);
    if (r.mtu_ceiling == 0 || r.mtu_probe != 0) return 0;
    // RFC 4821 7.4: only when its loss would be told from congestion, and found out quickly
    if (c.retries != 0 || c.recovery != nullptr) return 0;
    // RFC 9293 3.7.1 (MUST-16): SACK blocks take room from the largest segment
    if (c.sack && c.receiving.has_report()) return 0;
    // RFC 4821 7.3: the top is tried first, as most black holes are none; then the middle.
    const auto size = static_cast<std::uint16_t>(
        r.mtu_failed ? r.mtu_limit + (r.mtu_ceiling - r.mtu_limit + 1) / 2 : r.mtu_ceiling);
    const std::uint32_t payload = size - headers_of(c);
    const std::uint32_t needed = payload + segments_behind * c.snd.mss;
    if (payload <= c.snd.mss || unsent < needed || usable < needed) return 0;
    return payload;
}

bool is_path_probe(const connection& c, const transmission& t) noexcept {
    if (c.rare == nullptr || c.rare->mtu_probe == 0 || t.resent) return false;
    const seq end = c.rare->mtu_probe_end;
    return t.last <= end && t.first >= end - (c.rare->mtu_probe - headers_of(c));
}

bool is_path_probe_loss(const connection& c) noexcept {
    if (c.rare == nullptr || c.rare->mtu_probe == 0) return false;
    const seq end = c.rare->mtu_probe_end;
    const seq begin = end - (c.rare->mtu_probe - headers_of(c));
    std::uint32_t bytes = 0;
    for (flight::position p = c.flying.first(); p && p->first < end; p = c.flying.next(p)) {
        if (p->sacked || !p->lost) continue;
        if (p->first < begin || p->last > end || (p->resent && !p->again)) return false;
        bytes += p->size();
    }
    return bytes != 0 && bytes == c.recovery->lost;
}

void note_path_probe(core& k, connection& c, std::uint32_t payload) noexcept {
    k.count.add(counted::mtu_probes);
    c.rare->mtu_probe = static_cast<std::uint16_t>(payload + headers_of(c));
    c.rare->mtu_probe_end = c.snd.nxt + payload;
    c.rare->mtu_resent = false;
}

}  // namespace coax::stack::tcp
