// The way of a received packet, upwards: one function per step, from the frame to the socket. Knows
// all layers; keeps nothing of a packet behind.
#pragma once

#include <array>

#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/device.hpp"
#include "stack/layers.hpp"
#include "stack/wire/plain_segment.hpp"

namespace coax::stack {

class ingress {
  public:
    // `all` must outlive it.
    explicit ingress(layers& all);

    // Takes one burst from the device. True: it was full, there may be more.
    // One piece of code from the frame to the layer, so that a packet's values stay in registers.
    [[gnu::flatten]] bool receive(instant now);
    // What this host sent to itself since the last call.
    void receive_loopback(instant now);

  private:
    // How the packet in hand came.
    struct arrival {
        instant now;
        checksum_state checksum = checksum_state::unknown;
        bool link_broadcast = false;  // or to a group
        bool loopback = false;
    };
    // The whole way at once for a segment of an established connection about which nothing is
    // unusual (tcp::layer::expect_plain). False: take it step by step; it left no trace.
    bool on_plain_segment(const rx_frame& frame, instant now);
    template <bool HasTimestamps>
    bool take_plain_segment(const rx_frame& frame, wire::plain_segment& segment, instant now);
    bool is_plain_for_us(const rx_frame& frame) noexcept;
    // The views are cut down to what the next step is about. `plain`: is_plain_for_us().
    [[gnu::noinline]] [[gnu::flatten]] void on_frame(const rx_frame& frame, bool plain,
                                                     instant now);
    // Steps 1 and 2 at once for headers that are plain. False: take them one by one.
    bool on_plain_packet(const rx_frame& frame, instant now);
    bool are_known_addresses_good() noexcept;
    void on_arp(const payload_view& packet, instant now);
    void on_ipv4(payload_view& packet, const arrival& how);
    [[gnu::noinline]] void on_fragment(const wire::ipv4_header& ip, const payload_view& data,
                                       bool broadcast, const arrival& how);
    void on_whole_packet(const wire::ipv4_header& ip, const payload_view& packet,
                         payload_view& inside, bool broadcast, const arrival& how);
    // Leaves the payload of `segment`. False: it was counted why it ends here.
    bool take_header(const wire::tcp_parsed& parsed, std::uint64_t pseudo, payload_view& segment,
                     checksum_state known);
    void on_tcp(const wire::ipv4_header& ip, payload_view& segment, const arrival& how);
    void on_udp(const wire::ipv4_header& ip, const payload_view& packet, payload_view& datagram,
                bool broadcast, const arrival& how);
    void on_icmp(const wire::ipv4_header& ip, const payload_view& message, bool broadcast,
                 const arrival& how);
    void on_igmp(const wire::ipv4_header& ip, const payload_view& packet,
                 const payload_view& message, const arrival& how);
    void on_icmp_notice(const ip::icmp_notice& notice, instant now);
    // `pseudo`: the pseudo-header's sum.
    bool is_sum_good(std::uint64_t pseudo, const payload_view& segment, std::size_t field_offset,
                     checksum_state known) const;

    layers& all_;
    std::uint64_t own_;  // the device's address, as plain segments have it
    std::size_t burst_;
    std::array<rx_frame, burst_max> frames_;
    wire::plain_headers known_;  // of the last plain segment that had others than the one before
    std::uint32_t judged_ = 0;   // epoch in which their addresses were found good; 0: not yet
};

}  // namespace coax::stack
