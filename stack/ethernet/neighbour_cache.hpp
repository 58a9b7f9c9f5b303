// Which MAC a neighbour on the link has (RFC 826, RFC 1122 2.3.2), for both families: the states
// and limits are here, the packets that ask and answer are not (arp.hpp; neighbour discovery
// later). Neighbours are asked when somebody needs them, asked again while in use, and forgotten
// when they do not answer. Owns the packets that wait for an answer; connections wait with egress.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "stack/base/address.hpp"
#include "stack/base/flow.hpp"
#include "stack/base/hash.hpp"
#include "stack/base/payload.hpp"
#include "stack/base/time.hpp"
#include "stack/base/token_bucket.hpp"
#include "stack/config.hpp"
#include "stack/ethernet/counters.hpp"

namespace coax::stack::ethernet {

// Position of an entry: below neighbour_config::entries_max. Stays with a neighbour until its
// failure was taken by next_outcome().
using neighbour_index = std::uint32_t;

class neighbour_cache {
  public:
    // The references must outlive the cache. `seed`: secret of the hash.
    neighbour_cache(const neighbour_config& config, std::uint64_t seed, path_epoch& epoch,
                    link_counters& counters);

    struct answer {
        bool known = false;         // `mac` is good to use
        mac_address mac;            // meaningless unless known
        neighbour_index index = 0;  // wait for its outcome unless known
    };
    // Somebody wants to send to `address`. Unknown: it is asked, and an outcome will follow.
    // Nothing: no room; take the outcomes and try again.
    std::optional<answer> look_up(const ip_address& address, instant now);

    // A neighbour showed its MAC. `asked_us`: it wants something from us, so it will be needed
    // (RFC 826: then it is added); otherwise only an entry that exists is refreshed.
    void learn(const ip_address& address, const mac_address& mac, bool asked_us, instant now);

    // True if there is an entry of any state.
    bool knows(const ip_address& address) const noexcept { return by_address_.contains(address); }

    // The next neighbour to ask now; unicast if its old MAC is tried first (RFC 1122 2.3.2.1 (2)).
    struct request {
        ip_address target;
        std::optional<mac_address> unicast;
    };
    bool has_request() const noexcept { return !requests_.empty(); }
    // A request or an outcome came; until next_request() found that there is none of either.
    bool has_news() const noexcept { return has_news_; }
    std::optional<request> next_request();

    // What became of those that somebody waits for. A failed one is gone after its pop.
    struct outcome {
        neighbour_index index = 0;
        bool resolved = false;
        mac_address mac;
    };
    bool has_outcome() const noexcept { return !outcomes_.empty(); }
    std::optional<outcome> front_outcome() const;
    void pop_outcome();

    // A packet (of IP, whole) that waits for an unresolved neighbour; the oldest gives way
    // (RFC 1122 2.3.2.2: save at least the latest).
    void hold(neighbour_index index, const_bytes packet);
    // Null when none is left. Valid until pop_held().
    const std::vector<std::byte>* front_held(neighbour_index index) const;
    void pop_held(neighbour_index index);

    void advance(instant now) {
        if (now >= due_) fire(now);
    }
    instant next_deadline() const noexcept { return due_; }
    std::size_t size() const noexcept { return by_address_.size(); }
    std::size_t unresolved() const noexcept { return unresolved_count_; }  // asked, no answer yet
    std::size_t held_bytes() const noexcept { return held_bytes_; }        // of packets that wait

  private:
    enum class state : std::uint8_t {
        unused,
        unresolved,  // asked, nobody answered yet
        reachable,   // answered not long ago
        stale,       // answered long ago: to be asked again when next used
        probing,     // in use and asked again
        failed,      // gone as soon as the outcome is taken
    };
    using auto_unlink = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;
    using hook = boost::intrusive::list_member_hook<auto_unlink>;
    struct entry {
        hook place;    // in the list of its state
        hook news;     // in outcomes_
        hook request;  // in requests_
        ip_address address;
        mac_address mac;
        neighbour_index index = 0;
        state current = state::unused;
        std::uint8_t retries = 0;
        instant due{};  // next step of its state
        std::list<std::vector<std::byte>> held;
        std::size_t held_bytes = 0;
    };
    template <hook entry::* Member>
    using list = boost::intrusive::list<entry, boost::intrusive::member_hook<entry, hook, Member>,
                                        boost::intrusive::constant_time_size<false>>;
    using state_list = list<&entry::place>;

    void fire(instant now);
    entry* find(const ip_address& address) noexcept;
    entry* make(const ip_address& address);
    entry* take_free();
    bool make_room();
    void enter(entry& e, state next, instant due);
    void ask(entry& e, instant now);
    void announce(entry& e);
    void confirm(entry& e, const mac_address& mac, instant now);
    void fail(entry& e);
    void forget(entry& e);
    void drop_held(entry& e);
    state_list& list_of(state s) noexcept { return places_[static_cast<std::size_t>(s)]; }
    const state_list& list_of(state s) const noexcept {
        return places_[static_cast<std::size_t>(s)];
    }

    const neighbour_config& config_;
    path_epoch& epoch_;
    link_counters& counters_;
    token_bucket requests_allowed_;
    std::deque<entry> entries_;  // stable places; grows up to entries_max
    boost::unordered_flat_map<ip_address, neighbour_index, address_hash> by_address_;
    // Each state has one waiting time, so each list is in the order of `due`.
    std::array<state_list, 6> places_;
    list<&entry::news> outcomes_;
    list<&entry::request> requests_;
    instant due_ = never;  // of all states, or earlier
    bool has_news_ = false;
    std::size_t unresolved_count_ = 0;
    std::size_t held_bytes_ = 0;
};

}  // namespace coax::stack::ethernet
