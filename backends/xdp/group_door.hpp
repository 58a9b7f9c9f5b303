// Multicast groups of one interface that are coax's: the steering program hands their frames over,
// and the interface lets them in. Until the process ends, however it ends.
#pragma once

#include <map>
#include <mutex>

#include "backends/xdp/interface.hpp"
#include "backends/xdp/steering.hpp"
#include "stack/base/address.hpp"
#include "stack/base/result.hpp"

namespace coax::backends {

class group_door {
  public:
    // `program` must outlive it.
    group_door(steering& program, const interface_facts& facts)
        : program_(program), interface_(facts.name), index_(facts.index) {}
    ~group_door();
    group_door(const group_door&) = delete;
    group_door& operator=(const group_door&) = delete;

    // Any thread, as shards share one door: a group is open until it was shut as often as opened.
    // Opens and shuts it for one group. address_in_use: the kernel has joined it on this interface,
    // and would lose it, since a frame goes to one of the two; no_buffer_space: too many;
    // operation_not_supported: the system refuses.
    stack::error set(const stack::ip_address& group, bool open) noexcept;

  private:
    stack::error open_for(const stack::ip_address& group) noexcept;
    stack::error let_in(const stack::ip_address& group, bool open) noexcept;

    steering& program_;
    std::string interface_;
    unsigned index_;
    std::mutex mutex_;                            // guards what follows
    std::map<stack::ip_address, unsigned> open_;  // how often, by group
    int descriptor_ = -1;  // of the packet socket whose memberships they are; receives nothing
};

}  // namespace coax::backends
