// What a context has exactly one of: the place where its sockets come from, and that place's part
// in the turns of the loop. The sockets themselves: <coax/detail/stream_state.hpp>.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <coax/backend.hpp>
#include <coax/detail/datagram_state.hpp>
#include <coax/detail/resolve_operation.hpp>
#include <coax/detail/stream_state.hpp>

#include "stack/base/time.hpp"

namespace coax::detail {

// All calls come from the context's thread, in the order of a turn (see engine.hpp). The defaults
// are those of a transport that works through ring completions alone.
class transport {
  public:
    virtual ~transport() = default;

    // An open, unbound socket of the family (AF_INET, AF_INET6).
    virtual std::unique_ptr<stream_state> open_stream(int family, error_code& ec) = 0;
    virtual std::unique_ptr<datagram_state> open_datagram(int family, error_code& ec) = 0;
    // For the names of hosts; called once at most.
    virtual std::unique_ptr<name_resolver> make_resolver() = 0;
    virtual const backend_description& describe() const noexcept = 0;
    virtual void append_counters(std::vector<counter>&) const {}

    // --- a turn
    // take_input() would find something now. Reads memory only.
    virtual bool input_waiting() noexcept { return false; }
    enum class intake : std::uint8_t { nothing, some, more };  // more: is waiting already
    // Takes what has come, and does what is due at this time.
    virtual intake take_input(stack::instant) noexcept { return intake::nothing; }
    // Sends what handlers and input caused, and kicks the device once. False: not all of it went,
    // so that the next turn tries again. Called when engine::output_is_due() was, when completions
    // came and when take_input() found something.
    virtual bool flush_output(stack::instant) noexcept { return true; }
    // When take_input() must be called again at the latest.
    virtual stack::instant next_deadline() const noexcept { return stack::never; }
    // Arms on the ring whatever must end the sleep that follows. False: don't sleep, input is here.
    virtual bool prepare_to_sleep() noexcept { return true; }

    // --- the end, when the context is destroyed
    // Every operation that is pending on any stream goes to engine::complete(), which will destroy
    // it. Called again as long as destroying handlers starts or ends others.
    virtual void abandon_operations() noexcept = 0;
    // Closed sockets still have something to send, which only further turns can deliver.
    virtual bool is_delivering() const noexcept { return false; }
    // Cancels what is in flight on the ring; no stream exists any more, or will be used again.
    virtual void shut_down() noexcept = 0;
    // Nothing of this transport is in flight on the ring.
    virtual bool idle() const noexcept = 0;
};

}  // namespace coax::detail
