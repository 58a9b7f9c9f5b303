// A buffer sequence as iovecs: the first few that are not empty.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <sys/uio.h>

#include <boost/asio/buffer.hpp>

#include <coax/detail/socket_state.hpp>

namespace coax::detail {

struct buffers_taken {
    std::uint32_t count = 0;
    bool more = false;  // than these
};

// Of mutable or constant buffers; constant ones are only read.
template <class Sequence>
buffers_taken take_buffers(const Sequence& sequence,
                           std::array<iovec, buffers_per_operation>& pieces) noexcept {
    buffers_taken taken;
    const auto end = boost::asio::buffer_sequence_end(sequence);
    for (auto at = boost::asio::buffer_sequence_begin(sequence); at != end; ++at) {
        const boost::asio::const_buffer piece(*at);
        if (piece.size() == 0) continue;
        if (taken.count == pieces.size()) {
            taken.more = true;
            break;
        }
        pieces[taken.count++] = {const_cast<void*>(piece.data()), piece.size()};
    }
    return taken;
}

struct buffer_list {
    std::array<iovec, buffers_per_operation> pieces;
    std::uint32_t count;
    bool more;  // than these

    template <class Sequence>
    explicit buffer_list(const Sequence& sequence) noexcept {
        const buffers_taken taken = take_buffers(sequence, pieces);
        count = taken.count;
        more = taken.more;
    }
    std::span<const iovec> span() const noexcept { return {pieces.data(), count}; }
};

// The same, straight into an operation.
template <class Sequence>
buffers_taken give_buffers(const Sequence& sequence, transfer_operation& o) noexcept {
    const buffers_taken taken = take_buffers(sequence, o.buffers);
    o.buffer_count = taken.count;
    return taken;
}

}  // namespace coax::detail
