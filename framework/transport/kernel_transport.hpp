// Kernel sockets driven by the context's ring: what all sockets of a context share (flights,
// receive buffers, counters) and the end of it all. Knows the sockets only as those who made a
// flight.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <coax/backend.hpp>
#include <coax/detail/loop.hpp>

#include "framework/transport/kernel_buffers.hpp"
#include "framework/transport/kernel_flight.hpp"
#include "framework/transport/transport.hpp"

namespace coax::detail {

// Everything the transport may use up, and what it may use of the kernel.
struct kernel_limits {
    std::uint16_t receive_buffers = 256;          // shared by all sockets; a power of two
    std::uint32_t receive_buffer_bytes = 8192;    // each
    std::uint16_t parked_buffers_per_socket = 8;  // unread; more than these stop the multishot
    std::size_t read_directly_bytes = 16384;      // reads of this size skip the shared buffers
    std::size_t parked_accepts = 128;             // accepted, unclaimed; also bound by backlog
    std::chrono::milliseconds accept_pause{20};   // without descriptors or memory (EMFILE, ...)
    bool multishot_receive = true;                // Linux 6.0
    bool multishot_accept = true;                 // Linux 5.19
    bool shared_ports = false;  // SO_REUSEPORT before each bind: one of a group of shards
};

struct kernel_counters {
    std::uint64_t accepted = 0;
    std::uint64_t accept_aborted = 0;  // the peer was gone before we took it (ECONNABORTED)
    std::uint64_t accept_paused = 0;   // no descriptor or memory for a connection
    std::uint64_t connected = 0;
    std::uint64_t connect_failed = 0;
    std::uint64_t received_shared = 0;  // completions into shared buffers
    std::uint64_t received_direct = 0;  // completions into the reader's memory
    std::uint64_t receive_armed = 0;    // multishot receives started
    std::uint64_t receive_halted = 0;   // stopped: the reader is too slow
    std::uint64_t receive_dry = 0;      // ended: all shared buffers were taken
    std::uint64_t sent = 0;             // through the ring
    std::uint64_t sent_at_once = 0;     // by a call of their own
    std::uint64_t closed_unread = 0;    // closed with unread bytes: reset
    std::uint64_t datagrams_received = 0;
    std::uint64_t datagrams_sent = 0;
};

class kernel_transport final : public transport {
  public:
    kernel_transport(loop& where, backends::ring& ring, kernel_limits limits = {});
    ~kernel_transport() override;

    std::unique_ptr<stream_state> open_stream(int family, error_code& ec) override;
    std::unique_ptr<datagram_state> open_datagram(int family, error_code& ec) override;
    std::unique_ptr<name_resolver> make_resolver() override;
    const backend_description& describe() const noexcept override { return description_; }
    void append_counters(std::vector<counter>& to) const override;
    void abandon_operations() noexcept override;
    void shut_down() noexcept override;
    bool idle() const noexcept override { return flights_.in_use() == 0; }

    // --- for the sockets
    backends::ring& ring() noexcept { return ring_; }
    const kernel_limits& limits() const noexcept { return limits_; }
    kernel_counters& count() noexcept { return counters_; }
    receive_buffers& buffers() noexcept { return buffers_; }
    // The shared buffers, made at first use; false where the kernel has none.
    bool buffers_ready() noexcept;
    // The kernel refused them (EINVAL): too old.
    void forget_multishot_receive() noexcept { limits_.multishot_receive = false; }
    void forget_multishot_accept() noexcept { limits_.multishot_accept = false; }

    // The first write since the ring was entered last: it goes at once, so that its operation is
    // finished a turn earlier; those behind it share one enter.
    bool may_send_at_once() noexcept {
        return std::exchange(send_mark_, ring_.enters()) != ring_.enters();
    }

    flight& take_flight(flight::purpose what, kernel_socket* owner,
                        socket_operation* operation = nullptr) {
        return flights_.take(what, owner, operation);
    }
    template <class Prepare>
    void launch(flight& f, Prepare&& prepare) noexcept {
        ring().submit(&f, prepare);
    }
    // The ring was taken away from the kernel: nothing can be started any more.
    bool grounded() const noexcept { return grounded_; }
    // Asks the kernel to end it; the flight lands later, once, with -ECANCELED or a result.
    void cancel(flight& f) noexcept;
    // Every completion of a flight comes through here.
    void land(flight& f, std::int32_t result, std::uint32_t flags) noexcept;
    // `descriptor` is closed in its turn among the submissions, so that none of them can meet
    // another file under the same number.
    void close_in_turn(int descriptor) noexcept;

    void finish(socket_operation& o, error_code ec) noexcept {
        o.result = ec;
        loop_.complete(&o);
    }
    void finish(transfer_operation& o, error_code ec, std::size_t transferred) noexcept {
        o.transferred = transferred;
        finish(static_cast<socket_operation&>(o), ec);
    }

    void joined(kernel_socket& s) noexcept;
    void left(kernel_socket& s) noexcept;

  private:
    void land_unowned(flight& f, std::int32_t result, std::uint32_t flags) noexcept;
    // The kernel cannot be asked any more: takes the ring away from it and ends every flight.
    void force_landing() noexcept;

    loop& loop_;
    backends::ring& ring_;
    kernel_limits limits_;
    kernel_counters counters_;
    backend_description description_;
    receive_buffers buffers_;
    flight_pool flights_;
    bool grounded_ = false;
    std::uint64_t send_mark_ = UINT64_MAX;  // ring_.enters() at the last write
    kernel_socket* sockets_ = nullptr;      // linked through the sockets
};

inline error_code kernel_error(int number) noexcept {
    return {number, boost::system::system_category()};
}

}  // namespace coax::detail
