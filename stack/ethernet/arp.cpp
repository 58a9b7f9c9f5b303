// ARP of a host: answers, announcements, defence.
#include "stack/ethernet/arp.hpp"

#include <algorithm>

namespace coax::stack::ethernet {

namespace {

// A MAC that one host can have. All zero is what unfilled fields hold.
bool is_host_mac(const mac_address& mac) noexcept {
    return !mac.is_multicast() && mac != mac_address{};
}

}  // namespace

arp::arp(const neighbour_config& config, const mac_address& own, neighbour_cache& neighbours,
         link_counters& counters)
    : config_(config),
      own_mac_(own),
      neighbours_(neighbours),
      counters_(counters),
      outgoing_(std::max<std::size_t>(config.outgoing_max, 1)) {}

void arp::input(const wire::arp_packet& packet, const arp_context& context, instant now) {
    const bool is_probe = packet.sender_ip.is_unspecified();  // RFC 5227 2.1.1
    if (!is_host_mac(packet.sender_mac) || packet.sender_mac == own_mac_) {
        ++counters_.arp_bad_sender;
        return;
    }
    if (context.sender_is_own) {
        if (context.to_be_answered) conflict(packet, now);
        return;
    }
    if (!is_probe && !context.sender_is_on_link) {
        ++counters_.arp_bad_sender;
        return;
    }
    const bool is_request = packet.operation == wire::arp_operation::request;
    if (!is_probe) {
        if (!is_request && !neighbours_.knows(packet.sender_ip)) ++counters_.arp_unsolicited;
        neighbours_.learn(packet.sender_ip, packet.sender_mac, is_request && context.target_is_own,
                          now);
    }
    if (is_request && context.target_is_own && context.to_be_answered)
        push(packet.sender_mac, {wire::arp_operation::reply, own_mac_, packet.target_ip,
                                 packet.sender_mac, packet.sender_ip});
}

// RFC 5227 2.4 (b): defend with one announcement, unless there was a conflict not long ago; then
// keep the address all the same, as a server must, and only count.
void arp::conflict(const wire::arp_packet& packet, instant now) {
    ++counters_.arp_conflict;
    const auto own = std::find_if(own_.begin(), own_.end(), [&](const own_address& a) {
        return a.address == packet.sender_ip;
    });
    if (own == own_.end()) return;
    if (own->defended_at != instant::min() && now - own->defended_at < config_.defend_interval)
        return;
    own->defended_at = now;
    send_announcement(own->address);
}

void arp::request(const neighbour_cache::request& wanted, const ip_address& source) {
    push(wanted.unicast.value_or(mac_address::broadcast()),
         {wire::arp_operation::request, own_mac_, source, {}, wanted.target});
}

void arp::announce(const ip_address& address) {
    own_.push_back({address, config_.announcements});
    due_ = instant::min();
}

void arp::send_announcement(const ip_address& address) {
    push(mac_address::broadcast(), {wire::arp_operation::request, own_mac_, address, {}, address});
}

const arp_frame* arp::front_outgoing() const {
    return outgoing_count_ == 0 ? nullptr : &outgoing_[outgoing_first_];
}

void arp::pop_outgoing() {
    outgoing_first_ = (outgoing_first_ + 1) % outgoing_.size();
    --outgoing_count_;
}

bool arp::push(const mac_address& destination, const wire::arp_packet& packet) {
    if (outgoing_count_ == outgoing_.size()) {
        ++counters_.arp_outgoing_full;
        return false;
    }
    outgoing_[(outgoing_first_ + outgoing_count_) % outgoing_.size()] = {destination, packet};
    ++outgoing_count_;
    return true;
}

void arp::fire(instant now) {
    due_ = never;
    for (own_address& own : own_) {
        if (own.announcements_left != 0 && own.announce_at <= now) {
            --own.announcements_left;
            own.announce_at = now + config_.announce_interval;
            send_announcement(own.address);
        }
        if (own.announcements_left != 0) due_ = std::min(due_, own.announce_at);
    }
}

}  // namespace coax::stack::ethernet
