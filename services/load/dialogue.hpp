// What is said on one connection: which bytes are the next messages, and where in the stream of
// replies each one ends. Knows no socket, no clock, and not how many are under way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/buffer.hpp>

#include "services/load/load_options.hpp"

namespace coax::services {

// What the bytes so far are.
enum class reply_state : std::uint8_t {
    incomplete,  // not a whole reply yet
    good,
    wrong,   // whole, and not what was sent
    failed,  // whole, and says that the server could not: `problem` says it
    broken,  // no reply at all: nothing more of this connection can be understood
};

struct reply {
    reply_state state = reply_state::incomplete;
    bool closes = false;       // the server ends the connection behind it
    unsigned status = 0;       // http
    std::string problem = {};  // of failed and broken: the kind of error
};

class dialogue {
  public:
    // A block of memory may have to be sent in two pieces.
    using pieces = std::array<boost::asio::const_buffer, 2>;

    virtual ~dialogue() = default;

    // The next `count` messages. They stay where they are until their replies have been taken.
    virtual pieces next(std::size_t count) = 0;
    // On a new connection: the last `count` messages again, which had no reply. The stream of
    // replies begins anew.
    virtual pieces again(std::size_t count) = 0;
    // Takes what belongs to the next reply off the front of `bytes`, at most all of that reply.
    // What is left of them while it is incomplete is to be brought again, with more behind it.
    virtual reply take(std::span<const char>& bytes) = 0;
    // The server has ended its stream: what the bytes since the last reply are.
    virtual reply end() { return {}; }
    // Whether a server may end the connection between replies, without a fault.
    virtual bool may_close() const noexcept { return false; }
    // Room for the stream of replies.
    virtual std::size_t room() const noexcept = 0;
};

// For connection `index`, with `pipeline` messages under way at most.
std::unique_ptr<dialogue> make_dialogue(const load_options& options, std::size_t index,
                                        std::size_t pipeline);

// The pieces of a ring of memory from `begin` on.
dialogue::pieces ring_pieces(std::span<const char> ring, std::size_t begin, std::size_t size);

}  // namespace coax::services
