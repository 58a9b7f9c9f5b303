// The receiving half of one kernel socket: reads in their order, served from parked bytes, a
// multishot receive into the shared buffers, or one receive into the reader's own memory.
//
// While a multishot receive is armed, bytes come through its completions alone: nobody else may
// read the descriptor, or the order of the bytes would be lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "framework/transport/kernel_buffers.hpp"
#include "framework/transport/kernel_flight.hpp"
#include "framework/transport/kernel_transfers.hpp"

namespace coax::detail {

class kernel_receiver {
  public:
    explicit kernel_receiver(kernel_stream& stream) noexcept : stream_(stream) {}
    kernel_receiver(const kernel_receiver&) = delete;
    kernel_receiver& operator=(const kernel_receiver&) = delete;
    ~kernel_receiver() = default;

    void start(transfer_operation& o);
    // From what is parked, or told, already: without a call of the kernel.
    early_end at_once(std::span<const iovec> buffers, std::size_t& transferred,
                      error_code& ec) noexcept;
    std::size_t try_read(std::span<const iovec> buffers, bool peek, error_code& ec);
    // The urgent octet, if it is there (message_out_of_band).
    std::size_t read_urgent(std::span<const iovec> buffers, int flags, error_code& ec) noexcept;
    // The program wants to know of urgent data: nothing is read ahead any more, since reading on
    // from a mark passes the octet behind it.
    void mind_urgent() noexcept;
    // False: not one of its own.
    bool cancel(const socket_operation* o) noexcept;
    void cancel_all() noexcept;
    // Lets go of everything; flights that are in the air land without owner.
    void abandon() noexcept;

    bool in_flight() const noexcept { return armed_ != nullptr || reads_.in_flight(); }
    // A read would not wait.
    bool ready() const noexcept { return parked_.bytes != 0 || ended_ || error_; }
    std::size_t parked_bytes() const noexcept { return parked_.bytes; }

    void on_multishot(flight& f, std::int32_t result, std::uint32_t flags) noexcept;
    void on_direct(flight& f, std::int32_t result) noexcept;

  private:
    void serve() noexcept;
    void ask_kernel(transfer_operation& o) noexcept;
    void arm() noexcept;
    void receive_into() noexcept;
    void on_multishot_end(bool cancelled, std::int32_t result) noexcept;
    bool take_error(error_code& ec) noexcept;
    void halt() noexcept;

    kernel_stream& stream_;
    kernel_transfers reads_;  // in the air: received into its own buffers
    parked_chain parked_;
    flight* armed_ = nullptr;  // multishot
    error_code error_;         // told to the next read, after the parked bytes
    bool ended_ = false;       // the peer's FIN came, after the parked bytes
    bool minds_urgent_ = false;
    bool dry_ = false;  // the shared buffers ran out: the next receive is direct
};

}  // namespace coax::detail
