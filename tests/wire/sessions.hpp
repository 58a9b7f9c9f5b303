// Users of sockets for the tests on whole stacks: one that echoes, one that sends a known stream
// and checks the one it gets, one that asks and waits for the answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stack/base/payload.hpp"
#include "stack/base/result.hpp"
#include "stack/stack.hpp"
#include "tests/wire/world.hpp"

namespace wire_test {

// The bytes of stream `number` from `offset` on: at least one, at most `most`. Streams differ, and
// no stream repeats within a buffer's size.
stack::const_bytes stream_bytes(std::uint64_t number, std::uint64_t offset, std::size_t most);

// Sends back what comes; ends its side when the peer ended its own, and closes.
class echo_session : public session {
  public:
    void on_ready(host& at, const stack::tcp::readiness& ready) override;
    bool closed() const { return closed_; }

  private:
    bool write_pending(host& at);

    std::vector<std::byte> pending_;
    std::size_t pending_from_ = 0;
    bool closed_ = false;
};

struct transfer_plan {
    std::uint64_t send_bytes = 0;
    std::uint64_t receive_bytes = 0;
    std::uint64_t send_stream = 1;
    std::uint64_t receive_stream = 2;
    bool reads = true;              // false: the receive buffer fills up
    std::size_t read_most = 65536;  // bytes per call
};

// Sends and receives as planned, both at once; then ends its side, and closes when the peer did.
class transfer_session : public session {
  public:
    explicit transfer_session(const transfer_plan& plan) : plan_(plan), buffer_(plan.read_most) {}

    void on_ready(host& at, const stack::tcp::readiness& ready) override;
    // For readers that wait: take at most so many bytes now.
    std::uint64_t read(host& at, std::uint64_t most);
    void start_reading(host& at);

    bool done() const { return closed_; }
    std::uint64_t sent() const { return sent_; }
    std::uint64_t received() const { return received_; }
    std::uint64_t wrong_at() const { return wrong_at_; }  // offset of the first wrong piece
    stack::error failure() const { return failure_; }
    bool intact() const {
        return wrong_at_ == nothing_wrong && failure_ == stack::error::none &&
               sent_ == plan_.send_bytes && received_ == plan_.receive_bytes && closed_;
    }
    static constexpr std::uint64_t nothing_wrong = ~std::uint64_t{0};

  private:
    void write(host& at);
    void finish(host& at);

    transfer_plan plan_;
    std::vector<std::byte> buffer_;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t wrong_at_ = nothing_wrong;
    stack::error failure_ = stack::error::none;
    bool connected_ = false;
    bool sent_end_ = false;
    bool peer_done_ = false;
    bool closed_ = false;
};

// Asks `rounds` times with `bytes` bytes and waits for the same back; then closes. `ended` is
// called once, however it ended.
class asking_session : public session {
  public:
    asking_session(std::size_t bytes, unsigned rounds, std::uint64_t stream,
                   std::function<void(host&)> ended = {})
        : bytes_(bytes), rounds_left_(rounds), stream_(stream), ended_(std::move(ended)) {}

    void on_ready(host& at, const stack::tcp::readiness& ready) override;
    bool done() const { return done_; }
    bool intact() const { return done_ && !wrong_ && failure_ == stack::error::none; }
    stack::error failure() const { return failure_; }
    // Stays connected after the last round until close().
    void stay() { stays_ = true; }
    void close(host& at);
    bool idle() const { return rounds_left_ == 0; }

  private:
    void ask(host& at);
    void write(host& at);
    void end(host& at, stack::error why);

    std::size_t bytes_;
    unsigned rounds_left_;
    std::uint64_t stream_;
    std::uint64_t round_end_ = 0;  // offset in the stream
    std::uint64_t asked_ = 0;
    std::uint64_t answered_ = 0;
    std::function<void(host&)> ended_;
    stack::error failure_ = stack::error::none;
    bool connected_ = false;
    bool wrong_ = false;
    bool done_ = false;
    bool stays_ = false;
};

}  // namespace wire_test
