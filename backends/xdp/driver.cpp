// The AF_XDP backend in the hands of the loop. Knows no packet.
#include "backends/xdp/driver.hpp"

#include <algorithm>
#include <utility>

#include <poll.h>

namespace coax::backends {

xdp_driver::xdp_driver(description text, std::vector<xsk_socket> sockets,
                       std::unique_ptr<xdp_device> device, std::shared_ptr<steering> program,
                       std::shared_ptr<group_door> groups, std::unique_ptr<link_watch> watch,
                       unsigned largest_mtu)
    : description_(std::move(text)),
      sockets_(std::move(sockets)),
      device_(std::move(device)),
      program_(std::move(program)),
      groups_(std::move(groups)),
      watch_(std::move(watch)),
      link_message_(*this, &xdp_driver::on_link_message),
      largest_mtu_(largest_mtu) {
    device_->set_groups(*groups_);
    for (std::size_t i = 0; i != sockets_.size(); ++i)
        wakers_.emplace_back(*device_->queues()[i], sockets_[i].descriptor());
}

void xdp_driver::kick(ring& r) noexcept {
    look_for_trouble();
    if (dead_ || ended_) return;
    // In this order: what comes after super-segments follows them.
    sender().kick(r);
    if (auto* const supers = device_->supers()) supers->submit(r);
}

bool xdp_driver::prepare_to_sleep(ring& r) noexcept {
    look_for_trouble();
    if (ended_) return true;
    if (dead_) return std::exchange(death_told_, true);  // the loop must see it before it sleeps
    if (!watch_armed_) {
        watch_armed_ = true;
        r.submit(&link_message_, [&](io_uring_sqe* entry) {
            io_uring_prep_poll_add(entry, watch_->descriptor(), POLLIN);
        });
    }
    if (auto* const supers = device_->supers()) supers->submit(r);
    bool sleep = true;
    for (auto& w : wakers_) sleep = w.prepare_to_sleep(r) && sleep;
    return sleep;
}

// What the kernel answered to kicks and polls may mean that the interface is gone or down.
void xdp_driver::look_for_trouble() noexcept {
    auto* const supers = device_->supers();
    if (supers != nullptr && supers->take_trouble() && !dead_ && !ended_) {
        watch_->refresh();
        apply_link();
    }
    for (auto& w : wakers_) {
        const auto trouble = w.take_trouble();
        if (trouble == waker::trouble::none || dead_ || ended_) continue;
        watch_->refresh();
        apply_link();
        // It was removed, even if another one has its number by now: our socket is unbound.
        if (trouble == waker::trouble::removed && !dead_)
            die("interface " + description_.interface + " was removed");
    }
}

void xdp_driver::on_link_message(std::int32_t result) noexcept {
    watch_armed_ = false;
    if (ended_ || dead_ || result < 0) return;
    if (watch_->update()) apply_link();
}

void xdp_driver::apply_link() noexcept {
    const auto& link = watch_->current();
    if (link.removed) {
        die("interface " + description_.interface + " was removed");
        return;
    }
    device_->set_link(link.mtu, link.mac, largest_mtu_);
    for (auto& w : wakers_) w.set_link_up(link.up);
}

void xdp_driver::die(const std::string& text) noexcept {
    if (dead_) return;
    dead_ = text;
    device_->set_failed();
}

void xdp_driver::shut_down(ring& r) noexcept {
    if (ended_) return;
    ended_ = true;
    if (watch_armed_)
        r.submit(nullptr, [&](io_uring_sqe* entry) {
            io_uring_prep_cancel(entry, static_cast<completion*>(&link_message_), 0);
        });
    for (auto& w : wakers_) w.shut_down(r);
    if (auto* const supers = device_->supers()) supers->shut_down(r);
    r.flush();
}

bool xdp_driver::idle() const noexcept {
    const auto* const supers = device_->supers();
    return !watch_armed_ && (supers == nullptr || supers->idle()) &&
           std::all_of(wakers_.begin(), wakers_.end(), [](const auto& w) { return w.idle(); });
}

std::vector<counter> xdp_driver::counters() const {
    std::vector<counter> all{{"xdp.received", 0},
                             {"xdp.transmitted", 0},
                             {"xdp.kicks", 0},
                             {"xdp.kicks_postponed", 0},
                             {"xdp.kicks_failed", 0},
                             {"xdp.dropped_tx_busy", 0},
                             {"xdp.dropped_rx_in_pieces", 0}};
    const std::size_t own = all.size();  // those of each queue
    for (std::size_t i = 0; i != wakers_.size(); ++i) {
        const queue& q = *device_->queues()[i];
        const waker& w = wakers_[i];
        const std::uint64_t values[] = {q.received(),         q.transmitted(), w.kicks(),
                                        w.postponed(),        w.failed(),      w.lost(),
                                        q.dropped_in_pieces()};
        for (std::size_t at = 0; at != own; ++at) all[at].value += values[at];
        const auto kernel = sockets_[i].counters();
        if (all.size() == own) all.insert(all.end(), kernel.begin(), kernel.end());
        else
            for (std::size_t at = 0; at != kernel.size() && own + at != all.size(); ++at)
                all[own + at].value += kernel[at].value;
    }
    if (const auto* const supers = device_->supers()) {
        all.push_back({"xdp.supers_transmitted", supers->sent()});
        all.push_back({"xdp.followers_transmitted", supers->followed()});
        all.push_back({"xdp.dropped_tx_supers", supers->dropped()});
    }
    return all;
}

}  // namespace coax::backends
