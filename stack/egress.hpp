// The way of a packet that is sent, downwards: one function per step, from who has something to
// say to the device's slots. Nothing leaves but by flush(). Knows all layers; keeps only slots of
// the device and who waits for which neighbour.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "stack/base/flow.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/device.hpp"
#include "stack/layers.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::stack {

// Slots on loan from the device: taken a burst at a time, sent a burst at a time; what is left is
// for the next flush.
class slot_bank {
  public:
    // `sent`: counts the frames that were given to the device.
    slot_bank(device& link, std::size_t burst, std::uint64_t& sent) noexcept
        : link_(link), burst_(burst), sent_(sent) {}
    ~slot_bank() {
        link_.cancel(std::span(slots_).subspan(next_, end_ - next_));
        if (large_.data != nullptr) link_.cancel({&large_, 1});
    }
    slot_bank(const slot_bank&) = delete;
    slot_bank& operator=(const slot_bank&) = delete;

    // The slot to fill next; null: the device is full. The same one until use().
    tx_slot* peek() noexcept { return next_ != end_ || refill() ? &slots_[next_] : nullptr; }
    void use() noexcept { ++next_; }
    // Of a device with large slots: there is one at hand. False: the device is full.
    bool has_large() noexcept {
        return large_.data != nullptr || link_.reserve_large({&large_, 1}) != 0;
    }
    // Puts it in the place of the slot to fill next.
    void enlarge() noexcept;
    // Sends what was used since the last call.
    void transmit() noexcept {
        if (next_ != first_) send_used();
    }

  private:
    bool refill() noexcept;
    void send_used() noexcept {
        const std::size_t count = next_ - first_;
        sent_ += count;
        link_.transmit({&slots_[first_], count});
        first_ = next_;
    }

    device& link_;
    std::size_t burst_;
    std::uint64_t& sent_;
    std::size_t first_ = 0;  // used and not yet sent: [first_, next_)
    std::size_t next_ = 0;   // free: [next_, end_)
    std::size_t end_ = 0;
    std::array<tx_slot, burst_max> slots_{};
    tx_slot large_{};  // without data: none
};

class egress {
  public:
    // `all` must outlive it.
    explicit egress(layers& all);

    // Sends all there is. False: the device took not all; nothing is lost, call again.
    bool flush(instant now);
    // True once after a flush that made something known to a socket.
    bool take_news() noexcept { return std::exchange(has_news_, false); }
    bool has_news() const noexcept { return has_news_; }

  private:
    enum class way : std::uint8_t { known, waiting, none };
    struct resolution {
        way result = way::none;
        error cause = error::none;                // none: why
        ethernet::neighbour_index neighbour = 0;  // waiting: for whom
    };
    // How far a packet went whose fragments did not all find slots at once.
    struct fragment_progress {
        std::size_t sent = 0;  // bytes of its data
        std::uint16_t identification = 0;
    };
    // What a run was: how many segments, and whether the sender has nothing more.
    struct run_end {
        unsigned sent = 0;  // 0: none is predicted, nothing changed
        bool is_last = false;
    };
    struct datagram_path {
        ip_address source;
        ip_address destination;
        path route;
    };

    // Mostly all there is to send are segments; then this is one question.
    bool has_others() const noexcept {
        return all_.neighbours.has_news() || all_.arp.has_outgoing() ||
               !all_.groups.outgoing().empty() || !all_.icmp.outgoing().empty() ||
               all_.udp.has_outgoing();
    }
    [[gnu::noinline]] bool send_others(instant now);
    bool settle_neighbours(instant now);
    bool send_held(const_bytes packet, path& route, instant now);
    bool send_arp() {
        return (!all_.neighbours.has_news() && !all_.arp.has_outgoing()) || send_waiting_arp();
    }
    bool send_waiting_arp();
    bool send_queue(record_queue<ip_address>& queue, instant now) {
        return queue.empty() || send_packets(queue, now);
    }
    bool send_packets(record_queue<ip_address>& queue, instant now);
    bool send_datagrams(instant now);
    [[gnu::flatten]] bool send_segments(instant now);

    resolution resolve(const ip_address& source, const ip_address& destination, path& route,
                       instant now);
    [[gnu::noinline]] bool find_way(tcp::sender& from, instant now);
    [[gnu::noinline]] [[gnu::flatten]] bool send_from(tcp::sender& from, instant now);
    // The usual segment at once (tcp::layer::next_plain). False: take send_from(); nothing changed.
    bool send_plain(tcp::sender& from, instant now);
    template <bool HasTimestamps>
    void write_plain(tcp::plain_output& out, const path& route, tx_slot* slot);
    [[gnu::noinline]] [[gnu::flatten]] run_end send_run(tcp::sender& from, unsigned most,
                                                        instant now);
    [[gnu::noinline]] bool send_from_to_self(tcp::sender& from, instant now);
    bool send_packet(const ip_address& destination, const_bytes packet, instant now);
    bool send_datagram(const udp::datagram& out, const_bytes payload, instant now);
    [[gnu::noinline]] void send_to_self(const udp::datagram& out, const_bytes payload);
    [[gnu::noinline]] bool send_large_datagram(const udp::datagram& out, const_bytes payload);
    bool send_fragments(const_bytes packet, const path& route, fragment_progress& at);

    void write_segment(const tcp::segment& segment, std::size_t header_length, bool partial,
                       std::byte* packet) const;
    std::uint8_t hops_of(const tcp::segment& segment) const noexcept;
    [[gnu::noinline]] std::uint64_t write_unusual_headers(const tcp::segment& segment,
                                                          std::size_t header_length,
                                                          std::uint32_t length,
                                                          std::byte* packet) const;
    void write_datagram(const udp::datagram& out, const_bytes payload, bool partial,
                        std::byte* packet) const;
    void finish_slot(tx_slot& slot, const path& route, std::size_t packet_size);
    // The same where the Ethernet header is written, of a frame that TCP's checksum is in.
    void finish_segment_slot(tx_slot& slot, std::size_t frame_size, bool partial) noexcept {
        slot.length = static_cast<std::uint32_t>(frame_size);
        slot.checksum = partial ? checksum_state::partial : checksum_state::unknown;
        slot.checksum_start = partial ? transport_start : 0;
        slot.checksum_offset = partial ? wire::tcp_checksum_offset : 0;
        slot.gso_bytes = 0;
        slots_.use();
    }
    bool is_too_small(const tx_slot& slot, std::size_t packet_size);

    static constexpr std::size_t transport_start =
        wire::ethernet_header_size + wire::ipv4_header_size;
    // The field of a checksum that the device finishes, or the finished one: always one of them
    // (RFC 9293 3.1, MUST-2).
    static void store_checksum(std::byte* field, std::uint64_t pseudo, bool partial,
                               std::uint64_t sum) noexcept {
        wire::store_native(field, partial ? wire::fold_sum(pseudo) : wire::finish_checksum(sum));
    }

    layers& all_;
    slot_bank slots_;
    std::vector<tcp::sender_list> waiting_;  // by neighbour
    tcp::segment segment_;                   // in hand; here so that it is not cleared each time
    datagram_path last_datagram_;            // datagrams come in rows to one destination
    datagram_path last_way_;                 // connections begin and end in rows with one peer
    std::vector<std::byte> scratch_;  // a datagram that has to wait for its neighbour, or to be cut
    fragment_progress held_;          // of the queues' front packets; only ICMP's and UDP's are cut
    fragment_progress icmp_;
    fragment_progress datagram_;
    bool has_news_ = false;
};

}  // namespace coax::stack
