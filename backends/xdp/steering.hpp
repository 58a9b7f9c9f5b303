// The steering program (steer.bpf.c) on one interface: loaded, told the owned addresses and the
// sockets, attached. The attachment ends with the process, however it ends. Knows no packet.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <variant>

#include "backends/driver.hpp"
#include "backends/xdp/interface.hpp"
#include "stack/base/address.hpp"

namespace coax::backends {

class steering {
  public:
    enum class mode { native, skb };

    // Loads the program into the kernel for this interface.
    static std::variant<std::unique_ptr<steering>, failure> load(
        const interface_facts& facts, std::span<const stack::ip_prefix> owned);
    ~steering();  // detaches
    steering(const steering&) = delete;
    steering& operator=(const steering&) = delete;

    // One more address is owned, or one fewer: of a multicast group. False: there is no room for
    // more than groups_max.
    static constexpr unsigned groups_max = 256;
    bool own(const stack::ip_address& group) noexcept;
    void disown(const stack::ip_address& group) noexcept;

    // The AF_XDP socket that gets our frames of a receive queue. Empty text: done.
    std::string set_socket(unsigned queue, int descriptor);
    struct attached {
        std::string wrong;      // empty: done
        bool occupied = false;  // another program is there, in whatever mode
    };
    // From here on frames are steered. Waits for a predecessor that was killed to be cleaned up.
    attached attach(mode how);
    void detach() noexcept;
    // The loaded program, for tests that run it on hand-made frames.
    int program_descriptor() const noexcept;

  private:
    struct parts;
    explicit steering(std::unique_ptr<parts> p);
    std::unique_ptr<parts> parts_;
};

}  // namespace coax::backends
