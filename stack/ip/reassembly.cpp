// Fragments and the datagrams they become.
#include "stack/ip/reassembly.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace coax::stack::ip {

namespace {

constexpr std::size_t packet_max = 65535;
constexpr std::size_t blocks_per_slab = 128;
constexpr std::uint16_t tcp_first_min = 20;  // bytes: all of the header that a filter looks at
constexpr std::size_t quoted_max = 548;  // bytes of a packet in an ICMP error (RFC 1812 4.3.2.3)
constexpr unsigned not_ect = 0;          // codepoints of RFC 3168 5
constexpr unsigned congestion_experienced = 3;

constexpr std::size_t blocks_for(std::size_t bytes, std::size_t capacity) {
    return (bytes + capacity - 1) / capacity;
}

}  // namespace

reassembly::reassembly(const ip_config& config, std::uint64_t seed, icmp& errors,
                       ip_counters& counters)
    : config_(config),
      errors_(errors),
      counters_(counters),
      blocks_max_(config.reassembly_bytes / sizeof(block)),
      source_blocks_max_(config.reassembly_source_bytes / sizeof(block)),
      by_key_(0, key_hash{address_hash{seed}}),
      by_source_(0, address_hash{seed ^ 0x5bd1'e995'7b7c'4d3fU}) {}

reassembly::~reassembly() = default;

// What no honest host sends, by itself alone.
bool reassembly::is_well_formed(const wire::ipv4_header& header, std::size_t size) noexcept {
    // RFC 791 3.1: all but the last are whole units of eight; an empty one carries nothing.
    if (size == 0 || (header.more_fragments && size % 8 != 0)) {
        ++counters_.fragment_bad_length;
        return false;
    }
    // "Ping of death": the end lies beyond what a packet can be.
    if (wire::ipv4_header_size + header.fragment_offset + size > packet_max) {
        ++counters_.fragment_too_long;
        return false;
    }
    // RFC 1858 3, RFC 3128 2: ports or flags of TCP in a second fragment, behind a filter's back.
    if (header.protocol == wire::protocol_tcp &&
        (header.fragment_offset == 8 || (header.fragment_offset == 0 && size < tcp_first_min))) {
        ++counters_.fragment_tiny;
        return false;
    }
    return true;
}

std::optional<reassembly::whole> reassembly::input(const wire::ipv4_header& header,
                                                   const payload_view& data, bool broadcast,
                                                   instant now) {
    ++counters_.fragments_received;
    const std::size_t size = data.size();
    if (!is_well_formed(header, size)) return {};
    datagram* const d = find_or_make(
        {header.source, header.destination, header.identification, header.protocol}, now);
    if (d == nullptr) {
        ++counters_.fragment_limit;
        return {};
    }
    d->broadcast = broadcast;
    if (d->condemned) {
        ++counters_.fragment_condemned;
        return {};
    }
    block* before = nullptr;
    const place where =
        find_place(*d, header.fragment_offset, static_cast<std::uint32_t>(size), before);
    // RFC 8200 4.5: a network may duplicate; an exact duplicate changes nothing.
    if (where == place::duplicate && is_same(*before, data)) {
        ++counters_.fragment_duplicate;
        return {};
    }
    // RFC 5722 4: who overlaps wants two readers to read two things; nobody reads any (teardrop).
    if (where != place::free || !agrees(*d, header, size)) {
        ++counters_.fragment_overlap;
        condemn(*d);
        return {};
    }
    if (!store(*d, before, header, data)) {
        ++counters_.fragment_limit;
        if (d->fragments == 0) forget(*d);
        return {};
    }
    if (d->total == 0 || d->received != d->total) return {};
    return assemble(*d);
}

reassembly::datagram* reassembly::find_or_make(const key& name, instant now) {
    if (const auto found = by_key_.find(name); found != by_key_.end()) return found->second;
    // One source gives way to itself first; in all, the oldest goes: an honest datagram is whole
    // within a round trip.
    if (const auto known = by_source_.find(name.source); known != by_source_.end()) {
        if (known->second->datagrams >= config_.reassembly_source_datagrams_max) {
            ++counters_.reassembly_evicted;
            forget(known->second->oldest_first.front());
        }
    }
    if (by_key_.size() >= config_.reassembly_datagrams_max) {
        if (oldest_first_.empty()) return nullptr;
        ++counters_.reassembly_evicted;
        forget(oldest_first_.front());
    }
    if (free_datagrams_.empty()) free_datagrams_.push_back(&datagrams_.emplace_back());
    datagram& d = *free_datagrams_.back();
    free_datagrams_.pop_back();
    d.name = name;
    d.due = now + config_.reassembly_timeout;
    d.from = &source_of(name.source);
    ++d.from->datagrams;
    d.from->oldest_first.push_back(d);
    oldest_first_.push_back(d);
    by_key_.emplace(name, &d);
    due_ = oldest_first_.front().due;
    return &d;
}

reassembly::source& reassembly::source_of(const ip_address& address) {
    if (const auto found = by_source_.find(address); found != by_source_.end())
        return *found->second;
    if (free_sources_.empty()) free_sources_.push_back(&sources_.emplace_back());
    source& s = *free_sources_.back();
    free_sources_.pop_back();
    s.address = address;
    by_source_.emplace(address, &s);
    return s;
}

// Room for so many blocks more of `d`, which itself stays.
bool reassembly::make_room(datagram& d, std::size_t blocks) {
    if (blocks > blocks_max_ || d.blocks + blocks > source_blocks_max_) return false;
    const auto evict_oldest = [&](auto& of) {
        auto at = of.begin();
        if (&*at == &d) ++at;
        if (at == of.end()) return false;
        ++counters_.reassembly_evicted;
        forget(*at);
        return true;
    };
    while (d.from->blocks + blocks > source_blocks_max_)
        if (!evict_oldest(d.from->oldest_first)) return false;
    while (blocks_used_ + blocks > blocks_max_)
        if (!evict_oldest(oldest_first_)) return false;
    return true;
}

// Does it contradict the end that is known, or the other fragments' ECN (RFC 3168 5.3)?
bool reassembly::agrees(datagram& d, const wire::ipv4_header& header, std::size_t size) noexcept {
    const auto end = static_cast<std::uint32_t>(header.fragment_offset + size);
    if (d.total != 0 && (end > d.total || !header.more_fragments)) return false;
    if (!header.more_fragments && d.last != nullptr && d.last->end() > end) return false;
    d.ecn_seen = static_cast<std::uint8_t>(d.ecn_seen | 1U << (header.traffic_class & 3U));
    constexpr unsigned contradiction = 1U << not_ect | 1U << congestion_experienced;
    return (d.ecn_seen & contradiction) != contradiction;
}

// `before`: the fragment it would follow, or, of a duplicate, that fragment itself.
reassembly::place reassembly::find_place(datagram& d, std::uint32_t first, std::uint32_t size,
                                         block*& before) {
    before = nullptr;
    // In order nearly always; at most reassembly_fragments_max steps otherwise.
    if (d.last != nullptr && first >= d.last->end()) {
        before = d.last;
        return place::free;
    }
    block* next = d.first;
    for (; next != nullptr && next->offset < first; next = next->following) before = next;
    if (next != nullptr && next->offset == first && next->length == size) {
        before = next;
        return place::duplicate;
    }
    if (before != nullptr && before->end() > first) return place::overlap;
    if (next != nullptr && next->offset < first + size) return place::overlap;
    return place::free;
}

bool reassembly::is_same(const block& held, const payload_view& data) noexcept {
    const block* b = &held;
    std::size_t at = 0;
    bool same = true;
    data.for_each([&](const_bytes piece) {
        while (same && !piece.empty()) {
            if (at == block::capacity) {
                b = b->next;
                at = 0;
            }
            const std::size_t n = std::min(piece.size(), block::capacity - at);
            same = std::memcmp(b->data + at, piece.data(), n) == 0;
            piece = piece.subspan(n);
            at += n;
        }
    });
    return same;
}

// False: a limit is reached.
bool reassembly::store(datagram& d, block* before, const wire::ipv4_header& header,
                       const payload_view& data) {
    const std::size_t size = data.size();
    const std::size_t needed = blocks_for(size, block::capacity);
    if (d.fragments >= config_.reassembly_fragments_max || !make_room(d, needed)) return false;
    block* const chain = take_chain(needed);
    if (chain == nullptr) return false;
    chain->offset = header.fragment_offset;
    chain->length = static_cast<std::uint16_t>(size);
    chain->following = before != nullptr ? before->following : d.first;
    (before != nullptr ? before->following : d.first) = chain;
    if (chain->following == nullptr) d.last = chain;
    d.blocks = static_cast<std::uint16_t>(d.blocks + needed);
    d.from->blocks += static_cast<std::uint32_t>(needed);
    fill(chain, data);
    ++d.fragments;
    d.received += static_cast<std::uint32_t>(size);
    if (!header.more_fragments) d.total = chain->end();
    if (header.fragment_offset == 0) {
        d.has_first = true;
        d.first_header = header;
        d.first_header.total_length = static_cast<std::uint16_t>(wire::ipv4_header_size + size);
    }
    return true;
}

void reassembly::fill(block* chain, const payload_view& data) noexcept {
    std::size_t at = 0;
    data.for_each([&](const_bytes piece) {
        while (!piece.empty()) {
            if (at == block::capacity) {
                chain = chain->next;
                at = 0;
            }
            const std::size_t n = std::min(piece.size(), block::capacity - at);
            std::memcpy(chain->data + at, piece.data(), n);
            piece = piece.subspan(n);
            at += n;
        }
    });
}

std::byte* reassembly::copy_fragment(const block* fragment, std::byte* to) const noexcept {
    std::size_t left = fragment->length;
    for (const block* b = fragment; left != 0; b = b->next) {
        const std::size_t n = std::min(left, block::capacity);
        std::memcpy(to, b->data, n);
        to += n;
        left -= n;
    }
    return to;
}

std::optional<reassembly::whole> reassembly::assemble(datagram& d) {
    if (assembled_ == nullptr) assembled_.reset(new (std::nothrow) std::byte[packet_max]);
    if (assembled_ == nullptr) {
        ++counters_.fragment_limit;
        forget(d);
        return {};
    }
    whole result;
    result.header = d.first_header;
    result.header.more_fragments = false;
    result.header.total_length = static_cast<std::uint16_t>(wire::ipv4_header_size + d.total);
    // RFC 3168 5.3: congestion that one fragment met, the packet met.
    if ((d.ecn_seen >> congestion_experienced & 1U) != 0)
        result.header.traffic_class |= congestion_experienced;
    wire::emit_ipv4(result.header, assembled_.get());
    std::byte* at = assembled_.get() + wire::ipv4_header_size;
    for (const block* f = d.first; f != nullptr; f = f->following) at = copy_fragment(f, at);
    result.packet = {assembled_.get(), result.header.total_length};
    ++counters_.reassembled;
    forget(d);
    return result;
}

// RFC 1122 3.3.2 (MUST): time exceeded, code 1, about fragment zero.
void reassembly::tell(const datagram& d, instant now) {
    if (!d.has_first || d.broadcast || d.condemned) return;
    if (assembled_ == nullptr) assembled_.reset(new (std::nothrow) std::byte[packet_max]);
    if (assembled_ == nullptr) return;
    wire::emit_ipv4(d.first_header, assembled_.get());
    std::byte* const end = copy_fragment(d.first, assembled_.get() + wire::ipv4_header_size);
    const_bytes quote(assembled_.get(), static_cast<std::size_t>(end - assembled_.get()));
    errors_.send_time_exceeded(d.first_header, quote.first(std::min(quote.size(), quoted_max)),
                               now);
}

void reassembly::expire(instant now) {
    while (!oldest_first_.empty() && oldest_first_.front().due <= now) {
        datagram& d = oldest_first_.front();
        if (!d.condemned) ++counters_.reassembly_timeout;
        tell(d, now);
        forget(d);
    }
    due_ = oldest_first_.empty() ? never : oldest_first_.front().due;
}

void reassembly::condemn(datagram& d) {
    release_blocks(d);
    d.condemned = true;
}

void reassembly::release_blocks(datagram& d) noexcept {
    for (block* fragment = d.first; fragment != nullptr;) {
        block* const following = fragment->following;
        give_back(fragment);
        fragment = following;
    }
    d.from->blocks -= d.blocks;
    d.blocks = 0;
    d.first = d.last = nullptr;
}

void reassembly::forget(datagram& d) {
    release_blocks(d);
    by_key_.erase(d.name);
    d.by_age.unlink();
    d.of_source.unlink();
    if (--d.from->datagrams == 0) {
        by_source_.erase(d.from->address);
        free_sources_.push_back(d.from);
    }
    d = datagram();
    free_datagrams_.push_back(&d);
    due_ = oldest_first_.empty() ? never : oldest_first_.front().due;
}

reassembly::block* reassembly::take_chain(std::size_t count) {
    block* chain = nullptr;
    for (; count != 0; --count) {
        block* const b = take_block();
        if (b == nullptr) {
            give_back(chain);
            return nullptr;
        }
        b->next = chain;
        chain = b;
    }
    return chain;
}

void reassembly::give_back(block* chain) noexcept {
    while (chain != nullptr) {
        block* const next = chain->next;
        chain->next = free_blocks_;
        free_blocks_ = chain;
        chain = next;
        --blocks_used_;
    }
}

// nullptr: no memory. The bound was checked.
reassembly::block* reassembly::take_block() {
    if (free_blocks_ == nullptr) {
        if (blocks_made_ >= blocks_max_) return nullptr;
        const std::size_t count = std::min(blocks_per_slab, blocks_max_ - blocks_made_);
        std::unique_ptr<block[]> slab(new (std::nothrow) block[count]);
        if (slab == nullptr) return nullptr;
        for (std::size_t i = count; i-- > 0;) {
            slab[i].next = free_blocks_;
            free_blocks_ = &slab[i];
        }
        blocks_made_ += count;
        slabs_.push_back(std::move(slab));
    }
    block* const b = free_blocks_;
    free_blocks_ = b->next;
    ++blocks_used_;
    return b;
}

}  // namespace coax::stack::ip
