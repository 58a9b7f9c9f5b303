// A TCP layer as ingress and egress use it: what is plain takes the short ways, everything else the
// usual ones, so that every test of the layer is one of header prediction too. Knows no frame.
#pragma once

#include <cstring>

#include "stack/tcp/layer.hpp"
#include "stack/tcp/secrets.hpp"

namespace coax::tests {

// As layer::next_segment(), for a sender whose route leads to another host.
inline bool next_by_short_way(stack::tcp::layer& layer, stack::tcp::sender& from,
                              stack::instant now, stack::tcp::segment& out) {
    from.route.ethernet_header[12] = std::byte{8};  // IPv4
    stack::tcp::plain_output plain;
    if (!layer.next_plain(from, now, plain)) return layer.next_segment(from, now, out);
    out = {};
    out.ends = *plain.ends;
    out.header.source_port = plain.header.source_port;
    out.header.destination_port = plain.header.destination_port;
    out.header.sequence = plain.header.sequence;
    out.header.acknowledgment = plain.header.acknowledgment;
    out.header.window = plain.header.window;
    out.header.urgent_pointer = plain.header.urgent_pointer;
    out.header.flags.ack = (plain.header.flags & 16U) != 0;
    out.header.flags.psh = (plain.header.flags & 8U) != 0;
    if (plain.header.has_timestamps) out.header.options.timestamps = plain.header.timestamps;
    out.payload[0] = plain.payload;
    out.payload_pieces = 1;
    out.payload_size = static_cast<std::uint32_t>(plain.payload.size());
    out.traffic_class = plain.traffic_class;
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
            if (expected.place != nullptr && !payload.empty())
                std::memcpy(expected.place, payload.data(), payload.size());
            return layer.take_plain(expected, plain, now);
        }
    }
    return layer.input(ends, header, stack::payload_view(payload), now, congestion_experienced);
}

}  // namespace coax::tests
