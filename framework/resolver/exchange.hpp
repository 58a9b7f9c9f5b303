// One question to one server, once: a datagram there and one back, or the same over TCP. Tells what
// came of it; knows nothing of other servers, of names' meaning or of who wants to know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/intrusive/list.hpp>

#include <coax/detail/datagram_state.hpp>
#include <coax/detail/loop.hpp>
#include <coax/detail/stream_state.hpp>

#include "framework/resolver/message.hpp"

namespace coax::detail::dns {

class exchange;

// Where exchanges go when something of theirs is finished, for their next step.
class exchange_keeper {
  public:
    virtual void on_landed(exchange& e) noexcept = 0;

  protected:
    ~exchange_keeper() = default;
};

// Its operations are completed where they are finished (operation::completes_at_once), which only
// notes that and tells the keeper; everything else happens in advance(). An exchange may be
// destroyed when it is idle(): then nobody holds its operations.
class exchange : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    enum class transport : std::uint8_t { datagram, stream };
    enum class outcome : std::uint8_t {
        pending,
        replied,      // reply() is not foreign
        suspicious,   // so many wrong replies that somebody is guessing: ask by TCP
        unreachable,  // no socket, refused, reset, no route
        timed_out,
    };

    exchange(loop& where, exchange_keeper& keeper, transport how, const question& asked,
             std::uint16_t id);
    ~exchange();
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    // Asks. Every end of it, the immediate ones too, comes out of advance().
    void start(const ip_endpoint& server, clock::duration timeout);
    // Goes on with what has landed. After an outcome other than pending: close().
    outcome advance();
    const reply& result() const noexcept { return reply_; }
    // Withdraws everything; what is in flight lands later, or at once.
    void close() noexcept;
    bool is_closed() const noexcept { return closed_; }
    bool idle() const noexcept { return in_flight_ == 0; }
    transport how() const noexcept { return how_; }
    // Replies that were none of ours.
    unsigned foreign() const noexcept { return foreign_; }

  private:
    template <class Base>
    class landing;
    struct operations;
    enum class stage : std::uint8_t { idle, connecting, writing, reading, receiving };

    void land(bool by_timer) noexcept;
    error_code open(int family);
    void launch_timer(clock::duration timeout);
    outcome go_on();
    outcome on_connected();
    outcome on_received();
    outcome on_written();
    outcome on_read();
    void receive();
    void write();
    void read();

    loop& loop_;
    exchange_keeper& keeper_;
    question asked_;
    std::uint16_t id_;
    transport how_;
    stage stage_ = stage::idle;
    std::unique_ptr<operations> operations_;
    std::unique_ptr<datagram_state> datagrams_;
    std::unique_ptr<stream_state> stream_;
    timer_node timer_;
    std::vector<std::byte> outgoing_;
    std::vector<std::byte> incoming_;
    std::size_t done_ = 0;  // bytes written, or read
    reply reply_;
    error_code failure_;
    unsigned foreign_ = 0;
    unsigned in_flight_ = 0;
    bool landed_ = false;   // the socket's operation
    bool expired_ = false;  // the timer
    bool closed_ = false;
};

}  // namespace coax::detail::dns
