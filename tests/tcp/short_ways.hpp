// A TCP layer as ingress and egress use it: what is plain takes the short ways, everything else the
// usual ones, so that every test of the layer is one of header prediction too. Knows no frame.
#pragma once

#include <cstring>

#include "stack/tcp/layer.hpp"
#include "stack/tcp/secrets.hpp"

namespace coax::tests {

// As the segment that next_segment() gives, without payload.
inline void spell_out(const stack::flow& ends, const stack::wire::plain_header& header,
                      std::uint8_t traffic_class, stack::tcp::segment& out) {
    out = {};
    out.ends = ends;
    out.header.source_port = ends.local.port;
    out.header.destination_port = ends.remote.port;
    out.header.sequence = header.sequence;
    out.header.acknowledgment = header.acknowledgment;
    out.header.window = header.window;
    out.header.urgent_pointer = header.urgent_pointer;
    out.header.flags.ack = (header.flags & 16U) != 0;
    out.header.flags.psh = (header.flags & 8U) != 0;
    out.header.flags.fin = (header.flags & 1U) != 0;
    if (header.has_timestamps) out.header.options.timestamps = header.timestamps;
    out.traffic_class = traffic_class;
}

// The first segments of a run, `most` at most: emit(segment) for each. False: none is predicted.
template <class Emit>
bool send_run_by_short_way(stack::tcp::layer& layer, stack::tcp::sender& from, stack::instant now,
                           unsigned most, Emit&& emit) {
    stack::tcp::segment_run run;
    if (!layer.begin_run(from, now, run)) return false;
    do {
        stack::tcp::segment out;
        spell_out(*run.ends, run.header, run.traffic_class, out);
        out.header.sequence = run.sequence;
        out.header.flags.psh = run.push;
        while (out.payload_size != run.size) {
            auto& piece = out.payload[out.payload_pieces++];
            piece = run.payload.next(run.size - out.payload_size);
            out.payload_size += static_cast<std::uint32_t>(piece.size());
        }
        emit(out);
    } while (--most != 0 && layer.next_in_run(run, now));
    (void)layer.end_run(run, now);
    return true;
}

// As layer::next_segment(), for a sender whose route leads to another host.
inline bool next_by_short_way(stack::tcp::layer& layer, stack::tcp::sender& from,
                              stack::instant now, stack::tcp::segment& out) {
    from.route.ethernet_header[12] = std::byte{8};  // IPv4
    stack::tcp::plain_output plain;
    if (!layer.next_plain(from, now, plain))
        return send_run_by_short_way(layer, from, now, 1,
                                     [&](const stack::tcp::segment& first) { out = first; }) ||
               layer.next_segment(from, now, out);
    spell_out(*plain.ends, plain.header, plain.traffic_class, out);
    out.payload[0] = plain.payload;
    out.payload_pieces = plain.payload.empty() ? 0 : 1;
    out.payload_size = static_cast<std::uint32_t>(plain.payload.size());
    out.is_last = true;
    return true;
}

// As layer::input().
inline stack::tcp::disposition input_by_short_way(stack::tcp::layer& layer, const stack::flow& ends,
                                                  const stack::wire::tcp_header& header,
                                                  stack::const_bytes payload, stack::instant now,
                                                  bool congestion_experienced = false) {
    stack::wire::plain_segment plain;
    plain.sequence = header.sequence;
    plain.acknowledgment = header.acknowledgment;
    plain.window = header.window;
    plain.push = header.flags.psh;
    plain.has_timestamps = header.options.timestamps.has_value();
    if (plain.has_timestamps) plain.timestamps = *header.options.timestamps;
    plain.start = payload.data();  // of the header nobody asks for its bytes
    plain.payload_size = static_cast<std::uint32_t>(payload.size());
    stack::wire::tcp_header rest = header;
    rest.source_port = rest.destination_port = rest.urgent_pointer = 0;
    if (rest == plain.header() && !congestion_experienced && stack::tcp::is_ipv4(ends)) {
        plain.key = stack::tcp::ipv4_key_of(ends);
        if (const auto expected = layer.expect_plain(plain)) {
            const std::size_t first = expected.rest != nullptr ? expected.first : payload.size();
            if (expected.place != nullptr && first != 0)
                std::memcpy(expected.place, payload.data(), first);
            if (expected.rest != nullptr)
                std::memcpy(expected.rest, payload.data() + first, payload.size() - first);
            return layer.take_plain(expected, plain, now);
        }
    }
    const stack::payload_view data(payload);
    if (!congestion_experienced && stack::tcp::is_ipv4(ends))
        return layer.input(stack::tcp::ipv4_key_of(ends), header, data, now);
    return layer.input(ends, header, data, now, congestion_experienced);
}

}  // namespace coax::tests
