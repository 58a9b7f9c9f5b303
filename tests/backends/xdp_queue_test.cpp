// The frames of an AF_XDP queue, with the kernel's side played by the test: bursts, packets in
// several pieces, slots over several chunks, checksum requests, and nothing lost.
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "backends/xdp/queue.hpp"
#include "backends/xdp/slot_pool.hpp"

namespace {

using namespace coax::backends;
using coax::stack::checksum_state;
using coax::stack::payload_view;
using coax::stack::rx_frame;
using coax::stack::tx_slot;

constexpr std::uint32_t entries = 64;

template <class Entry>
struct ring_in_memory {
    std::uint32_t producer = 0xffff'fff0;
    std::uint32_t consumer = 0xffff'fff0;
    std::uint32_t flags = XDP_RING_NEED_WAKEUP;
    std::array<Entry, entries> slots{};

    ring_memory<Entry> memory() { return {&producer, &consumer, &flags, slots.data(), entries}; }
    void put(const Entry& entry) { slots[producer++ % entries] = entry; }
    Entry take() {
        REQUIRE(consumer != producer);
        return slots[consumer++ % entries];
    }
    bool empty() const { return producer == consumer; }
};

// The kernel's side of one queue, in copy mode.
class fake_kernel {
  public:
    explicit fake_kernel(std::uint32_t chunks) : memory_(std::size_t{chunks} * chunk_bytes) {}

    xsk_rings rings(bool metadata) {
        xsk_rings r;
        r.fill = producer_ring<std::uint64_t>(fill.memory());
        r.transmit = producer_ring<xdp_desc>(transmit.memory());
        r.receive = consumer_ring<xdp_desc>(receive.memory());
        r.completion = consumer_ring<std::uint64_t>(completion.memory());
        r.frames = memory_.data();
        r.metadata = metadata;
        return r;
    }

    // A packet arrives: in pieces of at most `piece` bytes, each in a chunk of the fill ring.
    void deliver(const std::vector<std::byte>& packet, std::size_t piece = 3840) {
        for (std::size_t at = 0; at < packet.size(); at += piece) {
            const std::size_t size = std::min(piece, packet.size() - at);
            const std::uint64_t address = fill.take() + 256;
            std::memcpy(memory_.data() + address, packet.data() + at, size);
            const bool last = at + size == packet.size();
            receive.put(
                {address, static_cast<std::uint32_t>(size), last ? 0 : xsk_uapi::packet_continued});
        }
    }

    struct sent {
        std::vector<std::byte> bytes;
        unsigned pieces = 0;
        bool requested = false;
        xsk_uapi::transmit_request request{};
    };
    // Takes one packet off the transmit ring, checking each descriptor as the kernel does.
    sent take_packet(std::uint32_t metadata) {
        sent s;
        while (true) {
            const xdp_desc d = transmit.take();
            const std::uint64_t start = d.addr - metadata;
            REQUIRE(d.len != 0);
            REQUIRE(start % chunk_bytes + d.len + metadata <= chunk_bytes);
            REQUIRE(d.addr + d.len <= memory_.size());
            if ((d.options & xsk_uapi::transmit_metadata) != 0) {
                REQUIRE(s.pieces == 0);
                REQUIRE(metadata == sizeof s.request);
                s.requested = true;
                std::memcpy(&s.request, memory_.data() + start, sizeof s.request);
            }
            ++s.pieces;
            s.bytes.insert(s.bytes.end(), memory_.data() + d.addr, memory_.data() + d.addr + d.len);
            finished.push_back(d.addr);
            if ((d.options & xsk_uapi::packet_continued) == 0) return s;
        }
    }
    void complete_all() {
        for (const auto address : finished) completion.put(address);
        finished.clear();
    }

    ring_in_memory<std::uint64_t> fill;
    ring_in_memory<xdp_desc> transmit;
    ring_in_memory<xdp_desc> receive;
    ring_in_memory<std::uint64_t> completion;
    std::vector<std::uint64_t> finished;

  private:
    std::vector<std::byte> memory_;
};

std::vector<std::byte> pattern(std::size_t size, unsigned seed) {
    std::minstd_rand random(seed + 1);
    std::vector<std::byte> bytes(size);
    for (auto& b : bytes) b = static_cast<std::byte>(random() >> 8);
    return bytes;
}

std::vector<std::byte> bytes_of(const rx_frame& frame) {
    const payload_view view(frame.head, frame.rest);
    std::vector<std::byte> bytes(view.size());
    view.copy_to(bytes.data());
    return bytes;
}

TEST_CASE("xdp queue: a layout shares the chunks and never overfills a ring") {
    const auto usual = frame_layout::plan(1514, 4096, 2048);
    CHECK(usual.chunks_per_slot == 1);
    CHECK(usual.slots == 2048);
    CHECK(usual.receive_chunks == 2048);
    CHECK(usual.slot_capacity >= 1514);
    const auto short_ring = frame_layout::plan(1514, 4096, 256);
    CHECK(short_ring.slots == 256);
    CHECK(short_ring.receive_chunks == 3840);
    const auto jumbo = frame_layout::plan(9014, 4096, 2048);
    CHECK(jumbo.chunks_per_slot == 3);
    CHECK(jumbo.slots * jumbo.chunks_per_slot <= 2048);
    CHECK(jumbo.slot_capacity >= 9014);
    CHECK(jumbo.slots * 3 + jumbo.receive_chunks == 4096);
    const auto largest = frame_layout::plan(65535 + 14, 4096, 2048);
    CHECK(largest.chunks_per_slot == 17);  // 18 pieces is what the kernel takes
    CHECK(largest.slot_capacity >= 65549);
}

TEST_CASE("xdp queue: bursts of packets come out as they went in, and the chunks go back") {
    fake_kernel kernel(128);
    const auto layout = frame_layout::plan(1514, 128, entries);
    queue q(kernel.rings(true), layout, 8);
    q.fill_all();
    std::array<rx_frame, 8> frames;
    std::uint64_t seen = 0;
    for (unsigned turn = 0; turn != 100; ++turn) {
        const unsigned count = turn % 12;
        for (unsigned i = 0; i != count; ++i) kernel.deliver(pattern(60 + i, i));
        CHECK(q.frames_waiting() == (count != 0));
        for (unsigned i = 0; i != count;) {
            const std::size_t got = q.receive(frames);
            REQUIRE(got == std::min<std::size_t>(count - i, frames.size()));
            for (std::size_t n = 0; n != got; ++n, ++i) {
                CHECK(bytes_of(frames[n]) == pattern(60 + i, i));
                CHECK(frames[n].rest.empty());
            }
            q.release();
        }
        seen += count;
        CHECK_FALSE(q.frames_waiting());
        // Every chunk is with the kernel again, whole.
        CHECK(kernel.fill.producer - kernel.fill.consumer == layout.receive_chunks);
    }
    CHECK(q.received() == seen);
}

TEST_CASE("xdp queue: packets in pieces, also across the end of a burst") {
    fake_kernel kernel(128);
    queue q(kernel.rings(true), frame_layout::plan(1514, 128, entries), 2);
    q.fill_all();
    const std::size_t sizes[] = {100, 9000, 65226, 3840, 3841, 1514};
    for (const std::size_t size : sizes) kernel.deliver(pattern(size, 1));
    std::size_t next = 0;
    std::array<rx_frame, 2> frames;
    while (const std::size_t got = q.receive(frames)) {
        for (std::size_t i = 0; i != got; ++i)
            CHECK(bytes_of(frames[i]) == pattern(sizes[next++], 1));
        q.release();
    }
    CHECK(next == std::size(sizes));
    CHECK(q.dropped_in_pieces() == 0);
}

TEST_CASE("xdp queue: a packet that is only half there waits for its rest") {
    fake_kernel kernel(128);
    queue q(kernel.rings(true), frame_layout::plan(1514, 128, entries), 8);
    q.fill_all();
    kernel.deliver(pattern(200, 1));
    kernel.deliver(pattern(9000, 2));
    --kernel.receive.producer;  // its last piece is not published yet
    std::array<rx_frame, 8> frames;
    REQUIRE(q.receive(frames) == 1);
    q.release();
    CHECK(q.receive(frames) == 0);
    q.release();
    ++kernel.receive.producer;
    REQUIRE(q.receive(std::span(frames).first(1)) == 1);
    CHECK(bytes_of(frames[0]) == pattern(9000, 2));
    q.release();
}

TEST_CASE("xdp queue: packets that can't be handed out are dropped and counted, whole") {
    fake_kernel kernel(128);
    queue q(kernel.rings(true), frame_layout::plan(1514, 128, entries), 8);
    q.fill_all();
    kernel.deliver(pattern(100, 1), 64);        // headers cut in two
    kernel.deliver(pattern(33 * 128, 2), 128);  // more pieces than a packet can have
    kernel.deliver(pattern(100, 3));
    std::array<rx_frame, 8> frames;
    REQUIRE(q.receive(frames) == 1);
    CHECK(bytes_of(frames[0]) == pattern(100, 3));
    CHECK(q.dropped_in_pieces() == 2);
    q.release();
    CHECK(kernel.fill.producer - kernel.fill.consumer == 64);
}

TEST_CASE("xdp queue: sent frames reach the kernel byte for byte, in one piece or several") {
    const bool metadata = GENERATE(true, false);
    const std::uint32_t mtu = GENERATE(1500U, 3900U, 4033U, 9000U, 30000U);
    const auto layout = frame_layout::plan(mtu + 14, 128, entries);
    fake_kernel kernel(128);
    queue q(kernel.rings(metadata), layout, 8);
    const std::uint32_t gap = metadata ? sizeof(xsk_uapi::transmit_request) : 0;
    for (unsigned turn = 0; turn != 40; ++turn) {
        std::array<tx_slot, 4> slots;
        const std::size_t count = q.reserve(slots);
        REQUIRE(count == std::min<std::size_t>(4, layout.slots));
        for (std::size_t i = 0; i != count; ++i) {
            REQUIRE(slots[i].capacity >= mtu + 14);
            slots[i].length = turn % 2 == 0 ? mtu + 14 : (mtu + 14) * (turn + 1) / 41;
            const auto bytes = pattern(slots[i].length, turn);
            std::memcpy(slots[i].data, bytes.data(), bytes.size());
            if (!metadata || i % 2 == 0) continue;
            slots[i].checksum = checksum_state::partial;
            slots[i].checksum_start = 34;
            slots[i].checksum_offset = 6;
        }
        q.transmit(std::span(slots).first(count));
        CHECK(q.send_needs_call());
        for (std::size_t i = 0; i != count; ++i) {
            const auto sent = kernel.take_packet(gap);
            CHECK(sent.bytes == pattern(slots[i].length, turn));
            CHECK(sent.pieces <= 18);
            CHECK(sent.requested == (metadata && i % 2 == 1));
            if (!sent.requested) continue;
            CHECK(sent.request.flags == xsk_uapi::request_checksum);
            CHECK(sent.request.checksum_start == 34);
            CHECK(sent.request.checksum_offset == 6);
        }
        CHECK(kernel.transmit.empty());
        kernel.complete_all();
    }
}

TEST_CASE("xdp queue: slots run out, come back with their completions, and none is lost") {
    const auto layout = frame_layout::plan(1514, 128, entries);
    fake_kernel kernel(128);
    queue q(kernel.rings(true), layout, 8);
    std::vector<tx_slot> slots(layout.slots + 5);
    REQUIRE(q.reserve(slots) == layout.slots);
    CHECK(q.reserve(slots) == 0);
    for (auto& slot : slots) slot.length = 60;
    q.transmit(std::span(slots).first(10));
    q.cancel(std::span(slots).subspan(10, layout.slots - 10));
    CHECK(q.pool().with_kernel() == 10);
    CHECK(q.pool().free() == layout.slots - 10);
    for (unsigned i = 0; i != 10; ++i) kernel.take_packet(24);
    kernel.complete_all();
    REQUIRE(q.reserve(slots) == layout.slots);
    CHECK(q.pool().with_kernel() == 0);
    q.cancel(std::span(slots).first(layout.slots));
    CHECK(q.pool().free() == layout.slots);
    CHECK(q.transmitted() == 10);
}

TEST_CASE("xdp slot pool: whatever is done, free + lent + kernel is all") {
    constexpr std::uint32_t size = 50;
    slot_pool pool(size);
    std::mt19937 random(7);
    std::vector<std::uint32_t> lent;
    std::vector<std::pair<std::uint32_t, unsigned>> kernel;  // frame, pieces left
    for (unsigned step = 0; step != 20000; ++step) {
        switch (random() % 4) {
            case 0:
                if (pool.free() != 0) lent.push_back(pool.lend());
                break;
            case 1:
                if (lent.empty()) break;
                pool.take_back(lent.back());
                lent.pop_back();
                break;
            case 2:
                if (lent.empty()) break;
                kernel.emplace_back(lent.back(), 1 + random() % 17);
                pool.hand_over(lent.back(), kernel.back().second);
                lent.pop_back();
                break;
            default:
                if (kernel.empty()) break;
                std::swap(kernel[random() % kernel.size()], kernel.back());
                REQUIRE(pool.complete_piece(kernel.back().first));
                if (--kernel.back().second == 0) kernel.pop_back();
                break;
        }
        REQUIRE(pool.balanced());
        REQUIRE(pool.lent() == lent.size());
        REQUIRE(pool.with_kernel() == kernel.size());
    }
}

TEST_CASE("xdp slot pool: a completion for what the kernel does not have changes nothing") {
    slot_pool pool(4);
    const std::uint32_t frame = pool.lend();
    CHECK_FALSE(pool.complete_piece(frame));
    CHECK_FALSE(pool.complete_piece(99));
    pool.hand_over(frame, 2);
    CHECK(pool.complete_piece(frame));
    CHECK(pool.free() == 3);
    CHECK(pool.complete_piece(frame));
    CHECK_FALSE(pool.complete_piece(frame));
    CHECK(pool.free() == 4);
    CHECK(pool.lend() == frame);  // the last that came back goes first
}

}  // namespace
