// The host's side of IGMP: what is told at joining and leaving, and what queries are answered.
#include "stack/ip/membership.hpp"

#include <algorithm>
#include <span>

#include "stack/ip/output.hpp"
#include "stack/wire/checksum.hpp"

namespace coax::stack::ip {

namespace {

namespace igmp = wire::igmp;

constexpr ip_address all_routers_group = ip_address::v4(224, 0, 0, 2);
constexpr ip_address reports_group = ip_address::v4(224, 0, 0, 22);  // RFC 3376 4.2.14
constexpr std::uint8_t internetwork_control = 0xc0;                  // RFC 3376 4
constexpr duration tenth{100'000'000};

}  // namespace

membership::membership(const ip_config& config, const address_table& addresses,
                       random_source& randomness, ip_counters& counters, std::uint16_t mtu,
                       bool hears_queries)
    : config_(config),
      addresses_(addresses),
      randomness_(randomness),
      counters_(counters),
      records_max_((mtu - wire::router_alert_header_size - wire::igmp_message_min) /
                   wire::igmp_record_size),
      hears_queries_(hears_queries),
      version_(hears_queries ? 3 : 2),
      answers_allowed_(config.igmp_per_second_max),
      outgoing_(config.igmp_queue_bytes) {}

// --- joining and leaving

status membership::join(const ip_address& address) {
    auto found = groups_.find(address);
    if (found == groups_.end()) {
        if (groups_.size() >= config_.groups_max && !make_room()) return error::no_buffer_space;
        found = groups_.emplace(address, state{}).first;
    }
    state& g = found->second;
    if (++g.sockets != 1) return {};
    ++heard_;
    tell_change(address, g);
    return {};
}

bool membership::leave(const ip_address& address) {
    const auto found = groups_.find(address);
    if (found == groups_.end() || found->second.sockets == 0) return false;
    state& g = found->second;
    if (--g.sockets != 0) return false;
    --heard_;
    g.answer_at = never;
    tell_change(address, g);
    if (g.changes_left == 0) groups_.erase(found);
    return true;
}

// A group that was left, and is only being told of again, gives way.
bool membership::make_room() {
    for (auto i = groups_.begin(); i != groups_.end(); ++i) {
        if (i->second.sockets != 0) continue;
        groups_.erase(i);
        return true;
    }
    return false;
}

// RFC 3376 5.1: at once, and again until routers have had robustness_variable chances to hear it.
void membership::tell_change(const ip_address& address, state& g) {
    g.changes_left = 0;
    g.change_at = never;
    if (address == all_hosts_group) return;
    if (!hears_queries_) wake_at(instant::min());
    if (version_ == 3) {
        records_.assign({change_of(address, g)});
        send_records();
    } else if (g.sockets != 0) {
        send_plain_report(address);
        g.last_reporter = true;
    } else {
        // RFC 2236 3 (MAY): silent unless nobody reported it after us. Version 1 knows no leaving.
        if (version_ == 2 && g.last_reporter) send_plain(igmp::leave, address, all_routers_group);
        return;
    }
    g.changes_left = static_cast<std::uint8_t>(config_.igmp_robustness - 1);
    if (g.changes_left != 0) g.change_at = instant::min();
    wake_at(g.change_at);
}

// --- what comes

void membership::input(const wire::ipv4_header& header, const payload_view& message, bool alert,
                       bool verify, instant now) {
    const auto parsed = wire::parse_igmp(message.head(), message.size());
    if (!parsed) {
        ++counters_.igmp_malformed;
        return;
    }
    if (verify) {
        wire::checksum_sum sum;
        sum.add(message);
        if (wire::fold_sum(sum.value()) != 0xffff) {
            ++counters_.igmp_bad_checksum;
            return;
        }
    }
    // RFC 3376 9: from outside the link, or without what every querier of these versions sends, it
    // is forged. A switch that asks in a router's place may have no address (RFC 4541 2.1.1).
    const bool on_link =
        header.source == ip_address::any_v4() || addresses_.is_on_link(header.source);
    switch (parsed->type) {
        case igmp::query:
            if (!on_link || (parsed->version != 1 && !alert)) ++counters_.igmp_forged;
            else on_query(*parsed, now);
            break;
        case igmp::report_v1:
        case igmp::report_v2:
            if (!on_link) ++counters_.igmp_forged;
            else on_report(parsed->group);
            break;
        default: ++counters_.igmp_ignored;  // for routers
    }
}

// RFC 3376 5.2, RFC 2236 3.
void membership::on_query(const wire::igmp_message& query, instant now) {
    ++counters_.igmp_queries;
    note_querier(query.version, now);
    const duration most = tenth * std::max(query.response_time, 1U);
    const bool general = query.version == 1 || query.group == ip_address::any_v4();
    const auto sooner = [&](state& g) {
        g.answer_at = std::min(g.answer_at, after(now, most));
        wake_at(g.answer_at);
    };
    if (general && version_ == 3) {
        all_answer_at_ = std::min(all_answer_at_, after(now, most));
        wake_at(all_answer_at_);
    } else if (general) {
        for (auto& [address, g] : groups_)
            if (g.sockets != 0 && address != all_hosts_group) sooner(g);
    } else if (const auto found = groups_.find(query.group);
               found != groups_.end() && found->second.sockets != 0) {
        sooner(found->second);
    }
}

// Versions 1 and 2: one report of a group is enough for all on the link.
void membership::on_report(const ip_address& address) {
    const auto found = groups_.find(address);
    if (version_ == 3 || found == groups_.end() || found->second.answer_at == never) {
        ++counters_.igmp_ignored;
        return;
    }
    found->second.answer_at = never;
    found->second.last_reporter = false;
    ++counters_.igmp_suppressed;
}

// RFC 3376 7.2.1: the oldest version that was heard lately is spoken.
void membership::note_querier(unsigned version, instant now) {
    const instant until = now + config_.igmp_older_querier;
    if (version == 1) version_1_until_ = until;
    if (version == 2) version_2_until_ = until;
    if (!hears_queries_) return;
    set_version(now < version_1_until_ ? 1 : now < version_2_until_ ? 2 : 3);
    if (version_ != 3) wake_at(version_ == 1 ? version_1_until_ : version_2_until_);
}

// What was to be said in another version is not said any more.
void membership::set_version(unsigned version) {
    if (version == version_) return;
    version_ = version;
    all_answer_at_ = never;
    for (auto i = groups_.begin(); i != groups_.end();) {
        state& g = i->second;
        g.changes_left = 0;
        g.change_at = g.answer_at = never;
        if (g.sockets == 0) groups_.erase(i++);
        else ++i;
    }
}

// --- time

// Some moment of (now, now + most].
instant membership::after(instant now, duration most) {
    const auto range = static_cast<std::uint64_t>(most.count());
    return now + duration(static_cast<duration::rep>(randomness_.next() % range + 1));
}

void membership::fire(instant now) {
    due_ = never;
    if (version_ != 3) note_querier(3, now);
    records_.clear();
    if (now >= all_answer_at_) answer_all(now);
    if (!hears_queries_) {
        const bool again = now >= refresh_at_;
        if (again)
            for (auto& [address, g] : groups_)
                if (g.sockets != 0 && address != all_hosts_group)
                    g.answer_at = std::min(g.answer_at, after(now, config_.igmp_refresh_spread));
        if (heard_ == 0) refresh_at_ = never;
        else if (again || refresh_at_ == never) refresh_at_ = now + config_.igmp_refresh;
        wake_at(refresh_at_);
    }
    for (auto i = groups_.begin(); i != groups_.end();) {
        fire_group(i->first, i->second, now);
        if (i->second.sockets == 0 && i->second.changes_left == 0) groups_.erase(i++);
        else ++i;
    }
    send_records();
    wake_at(all_answer_at_);
}

void membership::fire_group(const ip_address& address, state& g, instant now) {
    const duration unasked = version_ == 3 ? config_.igmp_unasked : config_.igmp_unasked_v2;
    if (g.change_at == instant::min()) {
        g.change_at = after(now, unasked);
    } else if (now >= g.change_at) {
        if (version_ == 3) records_.push_back(change_of(address, g));
        else send_plain_report(address);
        g.change_at = --g.changes_left != 0 ? after(now, unasked) : never;
    }
    if (now >= g.answer_at) {
        g.answer_at = never;
        answer(address, g, now);
    }
    wake_at(std::min(g.change_at, g.answer_at));
}

// A whole report counts as one answer, however many groups it tells of.
void membership::answer_all(instant now) {
    all_answer_at_ = never;
    if (heard_ == 0 || !may_answer(now)) return;
    for (auto& [address, g] : groups_) {
        if (g.sockets == 0 || address == all_hosts_group) continue;
        g.answer_at = never;
        records_.push_back({igmp::record::is_exclude, address});
    }
}

void membership::answer(const ip_address& address, state& g, instant now) {
    if (!may_answer(now)) return;
    if (version_ == 3) {
        records_.push_back({igmp::record::is_exclude, address});
        return;
    }
    send_plain_report(address);
    g.last_reporter = true;
}

// Whoever asks all the time is not answered all the time.
bool membership::may_answer(instant now) {
    if (answers_allowed_.take(now)) return true;
    ++counters_.igmp_rate_limited;
    return false;
}

// --- what is sent

// Room for a message of `size` bytes; null if the queue is full. RFC 3376 4: one hop, and every
// router looks into it.
std::byte* membership::packet(const ip_address& destination, std::size_t size) {
    std::byte* const at = outgoing_.push(destination, wire::router_alert_header_size + size);
    if (at == nullptr) {
        ++counters_.igmp_queue_full;
        return nullptr;
    }
    const ip_address source = addresses_.source_towards(destination).value_or(ip_address::any_v4());
    wire::ipv4_header header = outgoing_header(config_, source, destination, wire::protocol_igmp,
                                               size, internetwork_control);
    header.total_length = static_cast<std::uint16_t>(wire::router_alert_header_size + size);
    header.time_to_live = 1;
    wire::emit_ipv4_router_alert(header, at);
    return at + wire::router_alert_header_size;
}

void membership::send_plain(std::uint8_t type, const ip_address& address,
                            const ip_address& destination) {
    std::byte* const at = packet(destination, wire::igmp_message_min);
    if (at == nullptr) return;
    wire::emit_igmp(type, address, at);
    ++(type == igmp::leave ? counters_.igmp_leaves_sent : counters_.igmp_reports_sent);
}

// RFC 1112, RFC 2236 3: to the group itself, so that other members hear it.
void membership::send_plain_report(const ip_address& address) {
    send_plain(version_ == 1 ? igmp::report_v1 : igmp::report_v2, address, address);
}

// RFC 3376 4.2.12: joined, or left.
membership::record membership::change_of(const ip_address& address, const state& g) noexcept {
    return {g.sockets != 0 ? igmp::record::to_exclude : igmp::record::to_include, address};
}

// All of records_, in as many reports as it takes.
void membership::send_records() {
    std::span<const record> left(records_);
    while (!left.empty()) {
        const auto some = left.first(std::min(left.size(), records_max_));
        left = left.subspan(some.size());
        const std::size_t size = wire::igmp_message_min + some.size() * wire::igmp_record_size;
        std::byte* const message = packet(reports_group, size);
        if (message == nullptr) break;
        wire::emit_igmp_report(static_cast<std::uint16_t>(some.size()), message);
        std::byte* at = message + wire::igmp_message_min;
        for (const record& r : some) {
            wire::emit_igmp_record(r.what, r.group, at);
            at += wire::igmp_record_size;
        }
        wire::store_native(message + wire::igmp_checksum_offset,
                           wire::finish_checksum(wire::sum_bytes(0, message, size)));
        ++counters_.igmp_reports_sent;
    }
    records_.clear();
}

}  // namespace coax::stack::ip
