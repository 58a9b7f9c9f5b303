// IPv4 reassembly (RFC 791 3.2, RFC 815, RFC 1122 3.3.2): fragments in, whole packets out. Bounded
// in bytes, datagrams, fragments and time, in all and per source, since anybody can send fragments
// of which the rest never comes. Knows no transport but for the fragments that are made to deceive
// filters (RFC 1858, RFC 3128).
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "stack/base/hash.hpp"
#include "stack/base/payload.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/ip/counters.hpp"
#include "stack/ip/icmp.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::stack::ip {

class reassembly {
  public:
    // The references must outlive it. `seed`: secret of the hash.
    reassembly(const ip_config& config, std::uint64_t seed, icmp& errors, ip_counters& counters);
    ~reassembly();
    reassembly(const reassembly&) = delete;
    reassembly& operator=(const reassembly&) = delete;

    struct whole {
        wire::ipv4_header header;  // as of fragment zero, but of the whole and without options
        const_bytes packet;        // this header and all data; valid until the next call
    };
    // `data`: what the fragment carries behind its header. `broadcast`: it was sent to all. The
    // packet, if this was its last missing fragment.
    std::optional<whole> input(const wire::ipv4_header& header, const payload_view& data,
                               bool broadcast, instant now);

    // RFC 1122 3.3.2: gives up what is not complete in time, and tells the sender if fragment zero
    // came.
    void advance(instant now) {
        if (now >= due_) expire(now);
    }
    instant next_deadline() const noexcept { return due_; }

    std::size_t datagram_count() const noexcept { return by_key_.size(); }
    std::size_t bytes_held() const noexcept { return blocks_used_ * sizeof(block); }

  private:
    // A fragment is one block or a chain of them: a full one of Ethernet's 1480 bytes is two.
    struct block {
        static constexpr std::size_t capacity = 744;
        block* next;       // of the same fragment, or free
        block* following;  // first block of the next fragment; in a first block only
        std::uint16_t offset;
        std::uint16_t length;  // of the whole fragment
        std::byte data[capacity];
        std::uint32_t end() const noexcept { return std::uint32_t{offset} + length; }
    };
    static_assert(sizeof(block) == 768);

    // RFC 791 3.2: what the fragments of one datagram have in common.
    struct key {
        ip_address source;
        ip_address destination;
        std::uint16_t identification = 0;
        std::uint8_t protocol = 0;
        friend bool operator==(const key&, const key&) noexcept = default;
    };
    struct key_hash {
        using is_avalanching = void;
        address_hash addresses;
        std::size_t operator()(const key& k) const noexcept {
            const std::uint64_t rest = std::uint64_t{k.identification} << 8 | k.protocol;
            return address_hash::mix(addresses(k.source), addresses(k.destination) ^ rest);
        }
    };
    using hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
    struct source;
    struct datagram {
        hook by_age;
        hook of_source;
        key name;
        source* from = nullptr;
        wire::ipv4_header first_header;  // of fragment zero, once has_first
        block* first = nullptr;          // fragments in order
        block* last = nullptr;
        instant due{};
        std::uint32_t total = 0;     // bytes of data; 0: the last fragment did not come yet
        std::uint32_t received = 0;  // bytes of data
        std::uint16_t fragments = 0;
        std::uint16_t blocks = 0;
        std::uint8_t ecn_seen = 0;  // bit n: codepoint n of RFC 3168 5
        bool has_first = false;
        bool broadcast = false;
        bool condemned = false;  // it overlapped itself: what still comes of it is dropped
    };
    template <hook datagram::* Member>
    using list =
        boost::intrusive::list<datagram, boost::intrusive::member_hook<datagram, hook, Member>,
                               boost::intrusive::constant_time_size<false>>;
    struct source {
        ip_address address;
        std::uint32_t datagrams = 0;
        std::uint32_t blocks = 0;
        list<&datagram::of_source> oldest_first;
    };
    enum class place : std::uint8_t { free, duplicate, overlap };

    bool is_well_formed(const wire::ipv4_header& header, std::size_t size) noexcept;
    datagram* find_or_make(const key& name, instant now);
    source& source_of(const ip_address& address);
    bool make_room(datagram& d, std::size_t blocks);
    bool agrees(datagram& d, const wire::ipv4_header& header, std::size_t size) noexcept;
    static place find_place(datagram& d, std::uint32_t first, std::uint32_t size, block*& before);
    static bool is_same(const block& held, const payload_view& data) noexcept;
    bool store(datagram& d, block* before, const wire::ipv4_header& header,
               const payload_view& data);
    std::optional<whole> assemble(datagram& d);
    void tell(const datagram& d, instant now);
    void expire(instant now);
    void condemn(datagram& d);
    void release_blocks(datagram& d) noexcept;
    void forget(datagram& d);
    std::byte* copy_fragment(const block* fragment, std::byte* to) const noexcept;

    static void fill(block* chain, const payload_view& data) noexcept;
    block* take_chain(std::size_t count);
    block* take_block();
    void give_back(block* chain) noexcept;

    const ip_config& config_;
    icmp& errors_;
    ip_counters& counters_;
    std::size_t blocks_max_;
    std::size_t source_blocks_max_;
    std::deque<datagram> datagrams_;  // stable places; grows up to reassembly_datagrams_max
    std::deque<source> sources_;      // each has a datagram at least
    std::vector<datagram*> free_datagrams_;
    std::vector<source*> free_sources_;
    boost::unordered_flat_map<key, datagram*, key_hash> by_key_;
    boost::unordered_flat_map<ip_address, source*, address_hash> by_source_;
    list<&datagram::by_age> oldest_first_;  // in the order of `due`: one waiting time for all
    std::vector<std::unique_ptr<block[]>> slabs_;
    block* free_blocks_ = nullptr;
    std::size_t blocks_made_ = 0;
    std::size_t blocks_used_ = 0;
    std::unique_ptr<std::byte[]> assembled_;  // made when first needed
    instant due_ = never;
};

}  // namespace coax::stack::ip
