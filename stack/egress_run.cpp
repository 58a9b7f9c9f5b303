// Segments of one connection that leave one after another (tcp::layer::begin_run).
#include <cstring>

#include "stack/egress.hpp"
#include "stack/wire/plain_run.hpp"

namespace coax::stack {

namespace {

// Copies the payload of the run's next segment behind its header. Answers `sum` with it, unless
// the device is to sum.
std::uint64_t copy_payload(tcp::segment_run& run, bool partial, std::uint64_t sum,
                           std::byte* at) noexcept {
    if (partial) [[unlikely]] {
        for (std::uint32_t done = 0; done != run.size;) {
            const const_bytes piece = run.payload.next(run.size - done);
            std::memcpy(at + done, piece.data(), piece.size());
            done += static_cast<std::uint32_t>(piece.size());
        }
        return sum;
    }
    const const_bytes first = run.payload.next(run.size);
    if (first.size() == run.size) [[likely]]
        return wire::copy_and_sum(sum, at, first.data(), first.size());
    wire::checksum_sum all(sum);
    all.add_copying(at, first);
    for (auto done = static_cast<std::uint32_t>(first.size()); done != run.size;) {
        const const_bytes piece = run.payload.next(run.size - done);
        all.add_copying(at + done, piece);
        done += static_cast<std::uint32_t>(piece.size());
    }
    return all.value();
}

}  // namespace

// At most `most` segments: the first ones of what send_from() would send.
egress::run_end egress::send_run(tcp::sender& from, unsigned most, instant now) {
    tx_slot* slot = slots_.peek();
    tcp::segment_run run;
    if (slot == nullptr || !all_.tcp.begin_run(from, now, run)) return {};
    const bool partial = all_.capabilities.transmit_checksum;
    const std::uint32_t header_size = static_cast<std::uint32_t>(
        wire::tcp_header_min +
        (run.header.has_timestamps ? wire::detail::aligned_timestamps_size : 0));
    wire::plain_run_headers headers;
    std::uint32_t size = 0;  // of the payload that `headers` are for
    unsigned sent = 0;
    do {
        if (run.size != size) [[unlikely]] {  // the first, and perhaps the last
            size = run.size;
            headers.write(from.route.ethernet_header.data(), run.ends->local.address,
                          run.ends->remote.address, run.header,
                          {run.traffic_class, all_.config.ip.time_to_live}, header_size + size);
        }
        ++sent;
        if (is_too_small(*slot, wire::ipv4_header_size + header_size + size)) [[unlikely]]
            break;
        std::byte* const header = slot->data + transport_start;
        std::uint64_t sum = headers.copy_to(slot->data, run.sequence, run.push);
        sum = copy_payload(run, partial, sum, header + header_size);
        store_checksum(header + wire::tcp_checksum_offset, headers.pseudo_sum(), partial, sum);
        finish_segment_slot(*slot, transport_start + header_size + size, partial);
    } while (sent != most && (slot = slots_.peek()) != nullptr && all_.tcp.next_in_run(run, now));
    return {sent, all_.tcp.end_run(run, now)};
}

}  // namespace coax::stack
