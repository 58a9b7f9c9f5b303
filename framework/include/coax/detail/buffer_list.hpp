// A buffer sequence as iovecs: the first few that are not empty.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <sys/uio.h>

#include <boost/asio/buffer.hpp>

#include <coax/detail/socket_state.hpp>

namespace coax::detail {

struct buffer_list {
    std::array<iovec, buffers_per_operation> pieces;
    std::uint32_t count = 0;
    bool more = false;  // than these

    // Of mutable or constant buffers; constant ones are only read.
    template <class Sequence>
    explicit buffer_list(const Sequence& sequence) noexcept {
        const auto end = boost::asio::buffer_sequence_end(sequence);
        for (auto at = boost::asio::buffer_sequence_begin(sequence); at != end; ++at) {
            const boost::asio::const_buffer piece(*at);
            if (piece.size() == 0) continue;
            if (count == pieces.size()) {
                more = true;
                break;
            }
            pieces[count++] = {const_cast<void*>(piece.data()), piece.size()};
        }
    }
    std::span<const iovec> span() const noexcept { return {pieces.data(), count}; }
    void give_to(transfer_operation& o) const noexcept {
        for (std::uint32_t i = 0; i < count; ++i) o.buffers[i] = pieces[i];
        o.buffer_count = count;
    }
};

}  // namespace coax::detail
