// Watches one interface by rtnetlink: removed, down, up, other MTU or MAC. Knows no AF_XDP; it only
// reads what the kernel says when told to.
#pragma once

#include <optional>
#include <string>

#include "backends/xdp/interface.hpp"

namespace coax::backends {

class link_watch {
  public:
    // Subscribes. Before read_interface(), so that no change between the two is lost.
    link_watch();
    ~link_watch();
    link_watch(const link_watch&) = delete;
    link_watch& operator=(const link_watch&) = delete;

    // Empty text: subscribed.
    const std::string& failure_text() const noexcept { return failure_; }
    int descriptor() const noexcept { return descriptor_; }  // readable when something changed

    // What is known of the link after reading all that came.
    struct state {
        bool removed = false;  // gone, or moved to another network namespace
        bool up = true;
        unsigned mtu = 0;
        stack::mac_address mac;
    };
    // Sets what is watched, as read before.
    void start(const interface_facts& facts);
    // Reads what came; true if the state changed.
    bool update() noexcept;
    // Asks the kernel instead: after an error that says the link may be gone or down.
    bool refresh() noexcept;
    const state& current() const noexcept { return state_; }

  private:
    void read_messages(const char* data, std::size_t size, bool& changed) noexcept;

    int descriptor_ = -1;
    std::string failure_;
    unsigned index_ = 0;
    state state_;
};

}  // namespace coax::backends
