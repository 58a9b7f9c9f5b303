// The other stacks of the same host: as many as it has NIC queues, each on a thread of its own, all
// with the same addresses. What comes by a queue may be meant for a connection, a socket or a
// listener of any of them. What a stack tells the others, asks about them, and gives them; how that
// gets from thread to thread, it does not know. A stack that is alone has none (null).
#pragma once

#include <cstdint>

#include "stack/base/flow.hpp"
#include "stack/base/time.hpp"

namespace coax::stack {

struct rx_frame;

class siblings {
  public:
    // Stacks, a bit for each; what the functions answer never holds this one itself.
    using set = std::uint64_t;
    static constexpr set everybody = ~set{0};

    // --- TCP connections of every state, from the first SYN to the end of TIME-WAIT. Each is of
    // one stack alone.
    enum class claim : std::uint8_t {
        done,
        taken,  // another stack has it
        full,   // there is no room to note it
    };
    virtual claim claim_flow(const flow& ends) noexcept = 0;
    virtual void release_flow(const flow& ends) noexcept = 0;
    virtual set owner_of(const flow& ends) noexcept = 0;

    // --- ports: of TCP listeners, and of UDP sockets; whatever the address
    virtual void set_listening(std::uint16_t port, bool yes) noexcept = 0;
    virtual set listeners_on(std::uint16_t port) noexcept = 0;
    // Answers who hears there besides.
    virtual set set_hearing(std::uint16_t port, bool yes) noexcept = 0;
    virtual set hearers_on(std::uint16_t port) noexcept = 0;

    // --- SYN cookies: until when an acknowledgment may bring one back
    virtual void set_cookies_until(instant when) noexcept = 0;
    virtual set cookie_senders(instant now) noexcept = 0;

    // --- the frame that this stack works on
    // From here on the following are about it; null: about nothing that could be given away.
    virtual void take_in_hand(const rx_frame* frame) noexcept = 0;
    // Another stack has seen it already, and has given it, or a copy, to this one.
    virtual bool is_handed_over() const noexcept = 0;
    // Gives it to one of `candidates`, which will offer it to the next if it has no use for it:
    // each is asked once at most. False: there is nobody left; this stack is the last one.
    virtual bool offer(set candidates) noexcept = 0;
    // Gives a copy to each; not of what was handed over, as who did that has seen to all.
    virtual void copy_to(set whom) noexcept = 0;
    // A fragment: all of one datagram must meet in one stack, the same for all who ask. False: that
    // is this one.
    virtual bool pass_fragment(const ip_address& source, const ip_address& destination,
                               std::uint16_t identification, std::uint8_t protocol) noexcept = 0;

  protected:
    siblings() = default;
    ~siblings() = default;
    siblings(const siblings&) = default;
    siblings& operator=(const siblings&) = default;
};

}  // namespace coax::stack
