// Moves frames through the four rings of one AF_XDP socket. Knows no protocol and no system call.
#include "backends/xdp/queue.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace coax::backends {

namespace {

// Bytes before the first byte of a sent frame: the metadata, and a cache line of its own for the
// headers.
constexpr std::uint32_t slot_headroom = 64;
static_assert(slot_headroom >= sizeof(xsk_uapi::transmit_request));
static_assert(slot_headroom % 8 == 0);

// The kernel builds a packet of at most MAX_SKB_FRAGS + 1 = 18 pieces; what we send and receive
// has at most 65535 bytes and a header: 18 receive chunks of 3840 bytes.
constexpr std::uint32_t pieces_per_packet_max = 32;
constexpr std::uint32_t prefetch_distance = 4;

// Headers must be in one piece (stack/device.hpp).
constexpr std::uint32_t head_bytes_min = 128;

std::uint32_t capacity_of(std::uint32_t chunks) noexcept {
    constexpr auto gap = static_cast<std::uint32_t>(sizeof(xsk_uapi::transmit_request));
    return chunks * chunk_bytes - slot_headroom - (chunks - 1) * gap;
}

}  // namespace

frame_layout frame_layout::plan(std::uint32_t frame_bytes, std::uint32_t chunks,
                                std::uint32_t ring_entries) noexcept {
    frame_layout layout;
    while (capacity_of(layout.chunks_per_slot) < frame_bytes) ++layout.chunks_per_slot;
    layout.slot_capacity = capacity_of(layout.chunks_per_slot);
    // Half and half; but no more to transmit than the rings hold, so that they are never full.
    layout.slots = std::min(chunks / 2, ring_entries) / layout.chunks_per_slot;
    layout.receive_chunks = chunks - layout.slots * layout.chunks_per_slot;
    return layout;
}

queue::queue(const xsk_rings& rings, const frame_layout& layout, std::size_t frames_per_burst)
    : rings_(rings),
      layout_(layout),
      pool_(layout.slots),
      piece_gap_(rings.metadata ? sizeof(xsk_uapi::transmit_request) : 0) {
    pieces_.reserve(frames_per_burst * (pieces_per_packet_max - 1));
}

void queue::fill_all() noexcept {
    const std::uint64_t first = std::uint64_t{layout_.slots} * layout_.chunks_per_slot;
    assert(rings_.fill.room(layout_.receive_chunks) >= layout_.receive_chunks);
    for (std::uint32_t i = 0; i != layout_.receive_chunks; ++i)
        rings_.fill.push((first + i) * chunk_bytes);
    rings_.fill.publish();
}

// --- receiving

stack::const_bytes queue::bytes_of(const xdp_desc& descriptor) const noexcept {
    return {rings_.frames + descriptor.addr, descriptor.len};
}

std::uint32_t queue::packet_length(std::uint32_t at, std::uint32_t available) const noexcept {
    for (std::uint32_t count = 1; at + count <= available; ++count)
        if ((rings_.receive.peek(at + count - 1).options & xsk_uapi::packet_continued) == 0)
            return count;
    return 0;
}

// Makes one frame of `count` pieces; false: it can't be handed out, and is dropped.
bool queue::gather(std::uint32_t at, std::uint32_t count, stack::rx_frame& frame) noexcept {
    frame.head = bytes_of(rings_.receive.peek(at));
    if (count > pieces_per_packet_max || frame.head.size() < head_bytes_min) {
        ++dropped_in_pieces_;
        return false;
    }
    const std::size_t first = pieces_.size();
    for (std::uint32_t i = 1; i != count; ++i)
        pieces_.push_back(bytes_of(rings_.receive.peek(at + i)));
    frame.rest = std::span(pieces_).subspan(first);
    return true;
}

std::size_t queue::receive(std::span<stack::rx_frame> frames) noexcept {
    assert(held_ == 0 && pieces_.empty());
    const auto wanted = static_cast<std::uint32_t>(frames.size());
    std::uint32_t available = rings_.receive.available(wanted);
    std::size_t count = 0;
    while (count != frames.size() && held_ != available) {
        const xdp_desc& descriptor = rings_.receive.peek(held_);
        if (held_ + prefetch_distance < available)
            __builtin_prefetch(rings_.frames + rings_.receive.peek(held_ + prefetch_distance).addr);
        stack::rx_frame& frame = frames[count];
        frame = {};
        if ((descriptor.options & xsk_uapi::packet_continued) == 0) [[likely]] {
            frame.head = bytes_of(descriptor);
            ++held_;
            ++count;
            continue;
        }
        const std::uint32_t length = packet_length(held_, available);
        if (length == 0) {  // the rest of the packet may have come by now, else comes later
            const std::uint32_t known = available;
            available = rings_.receive.available(UINT32_MAX);
            if (available == known) break;
            continue;
        }
        if (pieces_.size() + length > pieces_.capacity() + 1 && count != 0) break;
        if (gather(held_, length, frame)) ++count;
        held_ += length;
    }
    received_ += count;
    return count;
}

void queue::release() noexcept {
    if (held_ == 0) return;
    assert(rings_.fill.room(held_) >= held_);
    for (std::uint32_t i = 0; i != held_; ++i)
        rings_.fill.push(rings_.receive.peek(i).addr & ~std::uint64_t{chunk_bytes - 1});
    rings_.fill.publish();
    rings_.receive.release(held_);
    held_ = 0;
    pieces_.clear();
}

// --- sending

void queue::reap() noexcept {
    const std::uint32_t count = rings_.completion.available(UINT32_MAX);
    for (std::uint32_t i = 0; i != count; ++i) {
        const auto chunk = static_cast<std::uint32_t>(rings_.completion.peek(i) / chunk_bytes);
        [[maybe_unused]] const bool ours = pool_.complete_piece(chunk / layout_.chunks_per_slot);
        assert(ours);
    }
    if (count != 0) rings_.completion.release(count);
    assert(pool_.balanced());
}

std::size_t queue::reserve(std::span<stack::tx_slot> slots) noexcept {
    reap();
    const std::size_t count = std::min<std::size_t>(slots.size(), pool_.free());
    starved_ = count == 0;
    for (auto& slot : slots.first(count)) {
        const std::uint32_t frame = pool_.lend();
        slot = {};
        slot.data = rings_.frames + std::size_t{frame} * layout_.chunks_per_slot * chunk_bytes +
                    slot_headroom;
        slot.capacity = layout_.slot_capacity;
        slot.token = frame;
    }
    return count;
}

bool queue::room_came() noexcept {
    reap();
    if (pool_.free() != 0) starved_ = false;
    return !starved_;
}

void queue::transmit(std::span<const stack::tx_slot> slots) noexcept {
    for (const auto& slot : slots) push(slot);
    rings_.transmit.publish();
    transmitted_ += slots.size();
}

void queue::push(const stack::tx_slot& slot) noexcept {
    assert(slot.length != 0 && slot.length <= layout_.slot_capacity);
    assert(rings_.transmit.room(layout_.chunks_per_slot) >= layout_.chunks_per_slot);
    const auto address = static_cast<std::uint64_t>(slot.data - rings_.frames);
    std::uint32_t options = 0;
    if (slot.checksum == stack::checksum_state::partial) {
        assert(rings_.metadata);
        assert(slot.checksum_start + slot.checksum_offset + 2U <= slot.length);
        xsk_uapi::transmit_request request{};
        request.flags = xsk_uapi::request_checksum;
        request.checksum_start = slot.checksum_start;
        request.checksum_offset = slot.checksum_offset;
        std::memcpy(slot.data - sizeof request, &request, sizeof request);
        options = xsk_uapi::transmit_metadata;
    }
    if (slot.length <= chunk_bytes - slot_headroom) [[likely]] {
        rings_.transmit.push({address, slot.length, options});
        pool_.hand_over(static_cast<std::uint32_t>(slot.token), 1);
    } else {
        push_pieces(slot, address, options);
    }
}

// A frame over several chunks: a descriptor may not cross a chunk's end. With metadata in use, the
// kernel wants room for it before every piece, also where there is none; so the pieces behind the
// first are moved up a little, the last one first.
void queue::push_pieces(const stack::tx_slot& slot, std::uint64_t address,
                        std::uint32_t options) noexcept {
    const std::uint32_t first = chunk_bytes - slot_headroom;
    const std::uint32_t more = chunk_bytes - piece_gap_;
    const std::uint32_t count = 1 + (slot.length - first + more - 1) / more;
    std::byte* const start = slot.data - slot_headroom;
    const auto length_of = [&](std::uint32_t piece) {
        return std::min(more, slot.length - first - (piece - 1) * more);
    };
    if (piece_gap_ != 0)
        for (std::uint32_t piece = count - 1; piece != 0; --piece)
            std::memmove(start + std::size_t{piece} * chunk_bytes + piece_gap_,
                         slot.data + first + std::size_t{piece - 1} * more, length_of(piece));
    rings_.transmit.push({address, first, options | xsk_uapi::packet_continued});
    const std::uint64_t base = address - slot_headroom;
    for (std::uint32_t piece = 1; piece != count; ++piece) {
        const std::uint32_t continued = piece + 1 != count ? xsk_uapi::packet_continued : 0;
        rings_.transmit.push(
            {base + std::uint64_t{piece} * chunk_bytes + piece_gap_, length_of(piece), continued});
    }
    pool_.hand_over(static_cast<std::uint32_t>(slot.token), count);
}

void queue::cancel(std::span<const stack::tx_slot> slots) noexcept {
    for (const auto& slot : slots) pool_.take_back(static_cast<std::uint32_t>(slot.token));
}

}  // namespace coax::backends
