// The IPv4 groups that this host is in, and what it tells routers of them: the host's side of IGMP
// version 3 (RFC 3376), and of versions 2 and 1 while a querier of these is heard (RFC 2236,
// RFC 1112). A group is heard from any source; lists of sources are not offered. Knows no socket:
// it counts how many hear a group. What it sends are whole packets in a bounded queue, which
// egress empties.
#pragma once

#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "stack/base/address.hpp"
#include "stack/base/hash.hpp"
#include "stack/base/payload.hpp"
#include "stack/base/random.hpp"
#include "stack/base/record_queue.hpp"
#include "stack/base/result.hpp"
#include "stack/base/time.hpp"
#include "stack/base/token_bucket.hpp"
#include "stack/config.hpp"
#include "stack/ip/addresses.hpp"
#include "stack/ip/counters.hpp"
#include "stack/wire/igmp.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::stack::ip {

// RFC 1112 4: every host is in it, and nobody reports it.
inline constexpr ip_address all_hosts_group = ip_address::v4(224, 0, 0, 1);

class membership {
  public:
    // The references must outlive it. `mtu`: bytes of IP packet. `hears_queries`: the device gives
    // us what is sent to all hosts; without it groups are reported unasked, in the words that all
    // queriers understand.
    membership(const ip_config& config, const address_table& addresses, random_source& randomness,
               ip_counters& counters, std::uint16_t mtu, bool hears_queries);

    // One socket more hears `group`, a multicast address of IPv4. no_buffer_space: groups_max.
    status join(const ip_address& group);
    // One fewer, of those that joined. True: it was the last one.
    bool leave(const ip_address& group);
    // A socket hears it.
    bool is_joined(const ip_address& group) const noexcept {
        const auto found = groups_.find(group);
        return found != groups_.end() && found->second.sockets != 0;
    }
    // The host does.
    bool contains(const ip_address& group) const noexcept {
        return group == all_hosts_group || is_joined(group);
    }
    // Groups that sockets hear.
    std::size_t size() const noexcept { return heard_; }

    // A message, received whole. `alert`: its packet had the Router Alert option. `verify`: check
    // the checksum.
    void input(const wire::ipv4_header& header, const payload_view& message, bool alert,
               bool verify, instant now);

    void advance(instant now) {
        if (now >= due_) fire(now);
    }
    instant next_deadline() const noexcept { return due_; }

    // Whole IPv4 packets to send; the head is the destination.
    record_queue<ip_address>& outgoing() noexcept { return outgoing_; }
    const record_queue<ip_address>& outgoing() const noexcept { return outgoing_; }

  private:
    struct state {
        std::uint32_t sockets = 0;      // 0: left, and not told often enough yet
        std::uint8_t changes_left = 0;  // times to tell again that it was joined or left
        bool last_reporter = false;     // versions 1 and 2: nobody reported it after us
        instant change_at = never;      // when to tell again; instant::min(): to be decided
        instant answer_at = never;      // when to answer a query
    };
    struct record {
        wire::igmp::record what;
        ip_address group;
    };

    void on_query(const wire::igmp_message& query, instant now);
    void on_report(const ip_address& group);
    void note_querier(unsigned version, instant now);
    void set_version(unsigned version);
    instant after(instant now, duration most);
    void wake_at(instant at) noexcept {
        if (at < due_) due_ = at;
    }

    void fire(instant now);
    void fire_group(const ip_address& address, state& g, instant now);
    void answer_all(instant now);
    void answer(const ip_address& address, state& g, instant now);
    void tell_change(const ip_address& address, state& g);
    bool may_answer(instant now);
    bool make_room();

    std::byte* packet(const ip_address& destination, std::size_t size);
    void send_plain(std::uint8_t type, const ip_address& group, const ip_address& destination);
    void send_plain_report(const ip_address& group);
    static record change_of(const ip_address& group, const state& g) noexcept;
    void send_records();

    const ip_config& config_;
    const address_table& addresses_;
    random_source& randomness_;
    ip_counters& counters_;
    std::size_t records_max_;  // in one packet
    bool hears_queries_;
    unsigned version_;
    instant version_1_until_ = instant::min();  // a querier of it was heard
    instant version_2_until_ = instant::min();
    instant all_answer_at_ = never;  // version 3: one answer for all groups
    instant refresh_at_ = never;     // without queries
    instant due_ = never;            // the earliest of all times here
    // Only the user puts something in, so its hash needs no secret.
    boost::unordered_flat_map<ip_address, state, address_hash> groups_;
    std::size_t heard_ = 0;
    std::vector<record> records_;  // of the report that is being made
    token_bucket answers_allowed_;
    record_queue<ip_address> outgoing_;
};

}  // namespace coax::stack::ip
