// Which local endpoints are bound, who listens on them, and which ports have connections.
// Knows no segment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "stack/tcp/connection.hpp"
#include "stack/tcp/half_open.hpp"
#include "stack/tcp/pool.hpp"

namespace coax::stack::tcp {

// A socket's claim on a local endpoint. With `listening`: the listener with its two queues.
struct binding {
    explicit binding(std::uint32_t pool_index) noexcept : index(pool_index) {}

    std::uint32_t index;
    endpoint local;
    bool reuse = false;
    bool listening = false;
    std::uint32_t backlog = 0;       // longest accept queue
    std::uint32_t accept_count = 0;  // connections in it
    std::uint32_t syn_count = 0;     // half-open ones
    std::uint64_t held_bytes = 0;    // received by those in the accept queue
    instant cookies_until{};         // acknowledgments may carry cookies before it
    connection* owner = nullptr;
    binding* next = nullptr;  // same port
    event_list accept_queue;
    syn_queue half_opens;
};

class port_table {
  public:
    // 0.0.0.0 and :: stand for any address; :: for those of both families.
    static bool is_any(const ip_address& a) noexcept {
        return a == ip_address::any_v4() || a == ip_address();
    }
    static bool covers(const ip_address& bound, const ip_address& address) noexcept {
        return bound == address || bound == ip_address() ||
               (bound == ip_address::any_v4() && address.is_v4());
    }

    // RFC 9293 3.9.1: the most specific listener for a local endpoint; nullptr: none.
    binding* find_listener(const endpoint& local) const noexcept;
    // May `b.local` be claimed? As Linux: two claims on overlapping addresses exclude each other,
    // unless both allow reuse and none listens; connections of an earlier socket exclude those
    // who don't allow reuse.
    bool is_free(const endpoint& local, bool reuse) const noexcept;
    // Another listener on an overlapping address?
    bool can_listen(const binding& b) const noexcept;
    bool has_bindings(std::uint16_t port) const noexcept;
    bool has_listener(std::uint16_t port) const noexcept;  // on whatever address
    std::size_t size() const noexcept { return size_; }    // ports with bindings or connections
    bool has_users(std::uint16_t port) const noexcept { return find(port) != nullptr; }

    void add(binding& b) noexcept;
    void remove(binding& b) noexcept;
    void add_connection(std::uint16_t port) noexcept { ++obtain(port).connections; }
    // One that was added.
    void remove_connection(std::uint16_t port) noexcept {
        use& u = *find(port);
        --u.connections;
        if (!u.is_used()) --size_;
    }

  private:
    struct use {
        std::uint32_t connections = 0;  // of all states, bound ones aside
        binding* first = nullptr;
        bool is_used() const noexcept { return connections != 0 || first != nullptr; }
    };
    // As the pages of a memory: a port costs two loads, one that nobody uses nothing, all together
    // a mebibyte. A page once made is kept.
    static constexpr unsigned page_bits = 8;
    using page = std::array<use, 1U << page_bits>;

    use* place_of(std::uint16_t port) const noexcept {
        page* const p = pages_[port >> page_bits].get();
        return p == nullptr ? nullptr : &(*p)[port % p->size()];
    }
    // nullptr: nobody uses it.
    use* find(std::uint16_t port) const noexcept {
        use* const u = place_of(port);
        return u != nullptr && u->is_used() ? u : nullptr;
    }
    // Somebody is about to use it.
    use& obtain(std::uint16_t port) {
        use* u = place_of(port);
        if (u == nullptr) [[unlikely]]
            u = make_page(port);
        if (!u->is_used()) ++size_;
        return *u;
    }
    [[gnu::noinline]] use* make_page(std::uint16_t port) {
        pages_[port >> page_bits] = std::make_unique<page>();
        return place_of(port);
    }

    std::array<std::unique_ptr<page>, (0x10000U >> page_bits)> pages_;
    std::size_t size_ = 0;
};

}  // namespace coax::stack::tcp
