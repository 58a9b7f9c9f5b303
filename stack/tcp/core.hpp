// What all parts of TCP share: pools, tables, wheel, queues, secrets and counters, with the few
// moves everybody needs. The protocol itself stands in the files named after its parts.
#pragma once

#include "stack/base/siblings.hpp"
#include "stack/base/token_bucket.hpp"
#include "stack/tcp/block_pool.hpp"
#include "stack/tcp/congestion/bbr.hpp"
#include "stack/tcp/congestion/cubic.hpp"
#include "stack/tcp/congestion/newreno.hpp"
#include "stack/tcp/connection.hpp"
#include "stack/tcp/counters.hpp"
#include "stack/tcp/demux.hpp"
#include "stack/tcp/half_open.hpp"
#include "stack/tcp/layer.hpp"
#include "stack/tcp/pacing_state.hpp"
#include "stack/tcp/pool.hpp"
#include "stack/tcp/ports.hpp"
#include "stack/tcp/recent_flows.hpp"
#include "stack/tcp/reply.hpp"
#include "stack/tcp/secrets.hpp"
#include "stack/tcp/sender_totals.hpp"
#include "stack/tcp/time_wait.hpp"
#include "stack/tcp/tuning.hpp"
#include "stack/tcp/validation_state.hpp"
#include "stack/tcp/wheel.hpp"

namespace coax::stack::tcp {

// A segment that came in, with what the steps of RFC 9293 3.10.7 ask again and again.
struct incoming {
    const wire::tcp_header& header;
    payload_view& payload;  // trimmed as the steps go
    instant now;
    seq first;             // SEG.SEQ
    seq ack;               // SEG.ACK
    std::uint32_t length;  // SEG.LEN: payload, SYN and FIN
    bool fin;              // FIN, unless it was trimmed away
    bool ce = false;       // a router marked its packet: congestion experienced (RFC 3168 5)
};

// Equality in words, not bytes; the ports differ most often.
inline bool same(const flow& a, const flow& b) noexcept {
    return a.remote.port == b.remote.port && a.local.port == b.local.port &&
           a.remote.address.low() == b.remote.address.low() &&
           a.local.address.low() == b.local.address.low() &&
           a.remote.address.high() == b.remote.address.high() &&
           a.local.address.high() == b.local.address.high();
}

struct core {
    core(const tcp_config& configuration, random_source& source);
    ~core();
    core(const core&) = delete;
    core& operator=(const core&) = delete;

    // --- who sends
    static bool is_queued(const sender& s) noexcept { return s.is_linked(); }
    // `s` has, or may have, something to send. A parked one stays where it waits.
    void make_ready(sender& s) noexcept {
        if (!s.is_linked()) ready.push_back(s);
    }
    static void set_parked(sender& s, bool on) noexcept { s.parked_ = on; }
    static void leave_queue(sender& s) noexcept {
        if (s.is_linked()) s.unlink();
        s.parked_ = false;
    }
    enum class sort : std::uint8_t { connection, half_open, time_wait, reply };
    static sort sort_of(const sender& s) noexcept { return static_cast<sort>(s.kind_); }

    // --- timers of a connection
    void set_timer(connection& c, timer t, instant due) noexcept {
        c.deadline(t) = due;
        if (due < c.due) [[unlikely]]
            timers.arm(c, due);
    }
    static void clear_timer(connection& c, timer t) noexcept { c.deadline(t) = never; }
    void disarm(timer_node& node) noexcept {
        timers.disarm(node);
        node.due = never;
    }

    // --- events
    void notify(connection& c, bool readiness::* what) noexcept {
        c.pending.*what = true;
        if (c.attached && !c.event_hook.is_linked()) events.push_back(c);
    }

    // --- clocks
    // Milliseconds, for timestamps (RFC 7323 5.4: 1 ms to 1 s) and rate limits; never 0.
    std::uint32_t milliseconds(instant now) noexcept {
        if (now >= clock_ends_) [[unlikely]]
            read_clock(now);
        return clock_ms_;
    }
    // The same for another moment.
    static std::uint32_t milliseconds_of(instant at) noexcept {
        return static_cast<std::uint32_t>(at.time_since_epoch().count() / 1'000'000) + 1;
    }
    static std::uint32_t seconds(instant now) noexcept {
        return static_cast<std::uint32_t>(now.time_since_epoch().count() / 1'000'000'000);
    }

    std::uint32_t flight_blocks_max() const noexcept {
        return config.flight_records_max / flight_block::capacity + 1;
    }

    // --- owners
    // The connection that had the last segment very often has the next one.
    connection* last_found = nullptr;
    wire::ipv4_key last_key;  // of *last_found, when a plain segment found it
    void remember(connection& c) noexcept {
        last_found = &c;
        last_key = is_ipv4(c.ends_) ? ipv4_key_of(c.ends_) : wire::ipv4_key();
    }
    connection* find(socket_id id) noexcept {
        connection* c = connections.find(id.index, id.generation);
        return c != nullptr && c->attached ? c : nullptr;
    }
    socket_id id_of(const connection& c) noexcept {
        return {c.index, connections.generation_of(c)};
    }
    reference find_flow(const flow& ends, std::uint32_t hash) noexcept;
    reference find_flow(const wire::ipv4_key& key) noexcept {
        const reference to = recent.find(key);
        return to.is_none() ? find_in_table(key) : to;
    }
    // The flow's entry in `table` is another's from now on.
    void replace_flow(const flow& ends, std::uint32_t hash, reference from, reference to) noexcept {
        table.replace(hash, from, to);
        if (is_ipv4(ends)) recent.note(ipv4_key_of(ends), to);
    }
    void erase_flow(const flow& ends, std::uint32_t hash, reference to) noexcept {
        table.erase(hash, to);
        if (is_ipv4(ends)) recent.forget(ipv4_key_of(ends));
    }
    // A flow's place in `table`. A segment that opens or ends a connection asks for it up to four
    // times in a row: the answer is kept.
    std::uint32_t hash_of(const wire::ipv4_key& key) noexcept {
        if (key != hashed_key_) {
            hashed_key_ = key;
            hash_ = keys.demux_hash(key);
        }
        return hash_;
    }
    std::uint32_t hash_of(const flow& f) noexcept {
        return is_ipv4(f) ? hash_of(ipv4_key_of(f)) : keys.demux_hash(f);
    }

    // RFC 6056 3.3.4: F of local address, remote address and remote port. Connections are opened in
    // rows to one peer: the last answer is kept.
    std::uint64_t port_offset(const ip_address& local, const endpoint& remote) noexcept {
        if (offset_local_ != local || offset_remote_ != remote) {
            offset_local_ = local;
            offset_remote_ = remote;
            offset_ = keys.port_offset({{local, 0}, remote});
        }
        return offset_;
    }

    const tcp_config config;
    random_source& randomness;
    const timeout_limits timeouts{config};
    secrets keys;
    // In the order of congestion_algorithm, which congestion_state::algorithm holds.
    cubic cubic_control;
    newreno newreno_control;
    bbr bbr_control;
    std::array<const congestion_control*, congestion_algorithm_names.size()> controls{
        &cubic_control, &newreno_control, &bbr_control};
    wheel timers;
    sender_list ready;
    event_list events;
    time_wait_list time_waits_by_age;
    receive_tuning_list tunings_by_use;
    reply_list replies_by_age;
    std::uint16_t syn_ack_mtu = 1500;  // of the route that the last SYN,ACK with a cookie took
    block_pool blocks;
    flight_pool flights;
    demux_table table;
    recent_flows recent;  // some of it
    port_table ports;
    counters count;
    std::uint32_t gso_max_bytes = 0;
    siblings* others = nullptr;            // null: this stack is alone
    std::uint32_t port_counters[64] = {};  // RFC 6056 3.3.4: table[]
    token_bucket resets_allowed;

    pool<binding, 16> bindings;
    pool<connection, 64> connections;
    pool<rare_state, 16> rare_states;
    pool<receive_tuning, 16> tunings;
    pool<sender_totals, 16> totals;
    pool<half_open, 64> half_opens;
    pool<time_wait, 64> time_waits;
    pool<reply, 64> replies;
    pool<recovery_state, 64> recoveries;
    pool<pacing_state, 64> pacings;
    pool<validation_state, 16> validations;

  private:
    const flow& ends_of(reference r) noexcept;  // whose it is; not of none
    [[gnu::noinline]] reference find_in_table(const wire::ipv4_key& key) noexcept;
    [[gnu::noinline]] void read_clock(instant now) noexcept {
        const std::int64_t ms = now.time_since_epoch().count() / 1'000'000;
        clock_ends_ = instant(duration((ms + 1) * 1'000'000));
        clock_ms_ = static_cast<std::uint32_t>(ms) + 1;
        if (clock_ms_ == 0) clock_ms_ = 1;
    }
    instant clock_ends_ = instant::min();  // until then clock_ms_ is right: time moves forward
    std::uint32_t clock_ms_ = 1;
    wire::ipv4_key hashed_key_;  // and its hash
    std::uint32_t hash_ = keys.demux_hash(hashed_key_);
    ip_address offset_local_;  // and what port_offset() answers
    endpoint offset_remote_;
    std::uint64_t offset_ = keys.port_offset({{offset_local_, 0}, offset_remote_});
};

// Silence after which the first keep-alive probe goes out.
inline duration keep_alive_idle(const core& k, const connection& c) noexcept {
    const bool own = c.rare != nullptr && c.rare->keep_alive_idle != duration::zero();
    return own ? c.rare->keep_alive_idle : k.config.keep_alive_idle;
}

// Is the part of the send buffer that does not fill a segment held back (cork)?
inline bool holds_back(const connection& c) noexcept {
    if (c.rare == nullptr || c.rare->push_due || c.fin_queued) return false;
    // A promise of more is waited for until the next acknowledgment, as on Linux.
    return c.rare->corked || (c.rare->more && c.rare->more_since == c.snd.una);
}

// Of a connection that has one.
inline receive_tuning& tuning_of(core& k, const connection& c) noexcept {
    return *k.tunings.at(c.tuning - 1);
}

}  // namespace coax::stack::tcp
