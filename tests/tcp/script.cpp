// The script's machinery: relative numbers, patterned payload, comparison.
#include "tests/tcp/script.hpp"

#include <catch2/catch.hpp>

#include "tests/tcp/short_ways.hpp"

namespace coax::tests {

using namespace stack;

script::script(tcp_config config) : random_(7), layer_(config, random_) {
    ends = {{ip_address::v4(198, 18, 0, 2), local_port},
            {ip_address::v4(198, 18, 0, 1), peer_port}};
    route.mtu = 1500;
    route.epoch = 1;
}

disposition script::sends(const seg& s) {
    collect();
    wire::tcp_header h;
    h.flags = s.flags_;
    h.flags.psh = s.push_.value_or(false);
    h.source_port = ends.remote.port;
    h.destination_port = ends.local.port;
    h.sequence = peer_iss + s.seq_.value_or(0);
    if (h.flags.ack) h.acknowledgment = own_iss + s.ack_.value_or(peer_acked);
    h.window = static_cast<std::uint16_t>(s.window_.value_or(peer_window));
    h.urgent_pointer = s.urgent_pointer_;
    h.options.user_timeout = s.user_timeout_;
    h.options.maximum_segment_size = s.mss_;
    h.options.window_scale = s.scale_;
    if (!s.no_options_ && (timestamps || s.ts_value_))
        h.options.timestamps = wire::tcp_timestamps{
            s.ts_value_.value_or(static_cast<std::uint32_t>(now_.time_since_epoch() / 1ms)),
            s.ts_echo_.value_or(last_ts)};
    h.options.sack_permitted = s.sack_permitted_.value_or(false);
    if (s.sack_)
        for (const auto& [left, right] : *s.sack_)
            h.options.sack.at(h.options.sack_count++) = {own_iss + left, own_iss + right};
    std::vector<std::byte> payload(s.length_);
    for (std::size_t i = 0; i < payload.size(); ++i)
        payload[i] = pattern(std::uint64_t{s.seq_.value_or(0)} - 1 + i);
    const disposition d = input_by_short_way(layer_, ends, h, payload, now_, s.ce_);
    collect();
    return d;
}

void script::collect() {
    if (jammed) return;
    while (tcp::sender* from = layer_.next_sender()) {
        from->route.mtu = route.mtu;
        from->route.epoch = route.epoch;
        const auto each = [this](const tcp::segment& s) { keep(s); };
        if (run_max > 1 && send_run_by_short_way(layer_, *from, now_, run_max, each)) continue;
        tcp::segment one;
        if (next_by_short_way(layer_, *from, now_, one)) keep(one);
    }
}

void script::keep(const tcp::segment& sent) {
    pulled p;
    p.segment = sent;
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < p.segment.payload_pieces; ++i) {
        const const_bytes piece = p.segment.payload[i];
        p.payload.insert(p.payload.end(), piece.begin(), piece.end());
        size += static_cast<std::uint32_t>(piece.size());
    }
    CHECK(size == p.segment.payload_size);
    const wire::tcp_header& h = p.segment.header;
    if (h.flags.syn) own_iss = h.sequence;
    if (h.options.timestamps) last_ts = h.options.timestamps->value;
    const std::uint32_t end =
        h.sequence - own_iss + size + (h.flags.fin ? 1 : 0) + (h.flags.syn ? 1 : 0);
    if (!h.flags.rst && end < 0x80000000U && end > peer_acked) peer_acked = end;
    sent_.push_back(std::move(p));
}

std::string script::describe(const pulled& p) const {
    const wire::tcp_header& h = p.segment.header;
    std::string text;
    for (const auto& [on, name] : {std::pair(h.flags.syn, "SYN "), std::pair(h.flags.fin, "FIN "),
                                   std::pair(h.flags.rst, "RST "), std::pair(h.flags.psh, "PSH "),
                                   std::pair(h.flags.ack, "ACK "), std::pair(h.flags.ece, "ECE "),
                                   std::pair(h.flags.cwr, "CWR ")})
        if (on) text += name;
    text += "seq " + std::to_string(h.sequence - own_iss);
    text += " ack " + std::to_string(h.acknowledgment - peer_iss);
    text += " win " + std::to_string(h.window);
    text += " length " + std::to_string(p.payload.size());
    for (std::size_t i = 0; i < h.options.sack_count; ++i)
        text += " sack " + std::to_string(h.options.sack[i].left - peer_iss) + ":" +
                std::to_string(h.options.sack[i].right - peer_iss);
    return text;
}

void script::expects(const seg& s) {
    collect();
    REQUIRE(!sent_.empty());
    const pulled p = std::move(sent_.front());
    sent_.pop_front();
    const wire::tcp_header& h = p.segment.header;
    INFO("the layer sent: " << describe(p));
    wire::tcp_flags flags = h.flags;
    if (s.push_) CHECK(flags.psh == *s.push_);
    if (s.ect_) CHECK((p.segment.traffic_class & 3) == (*s.ect_ ? tcp::ecn_capable : 0));
    if (s.traffic_class_) CHECK(p.segment.traffic_class == *s.traffic_class_);
    if (s.hops_) CHECK(p.segment.hops == *s.hops_);
    flags.psh = false;
    CHECK(flags == s.flags_);
    CHECK(h.urgent_pointer == s.urgent_pointer_);
    CHECK(h.options.user_timeout == s.user_timeout_);
    CHECK(p.payload.size() == s.length_);
    if (s.seq_) CHECK(h.sequence - own_iss == *s.seq_);
    if (s.ack_) CHECK(h.acknowledgment - peer_iss == *s.ack_);
    if (s.window_) CHECK(h.window == *s.window_);
    if (s.mss_) CHECK(h.options.maximum_segment_size == s.mss_);
    if (s.scale_) CHECK(h.options.window_scale == s.scale_);
    if (s.ts_echo_) CHECK((h.options.timestamps && h.options.timestamps->echo == *s.ts_echo_));
    if (s.sack_permitted_) CHECK(h.options.sack_permitted == *s.sack_permitted_);
    if (s.sack_) {
        std::vector<std::pair<std::uint32_t, std::uint32_t>> blocks;
        for (std::size_t i = 0; i < h.options.sack_count; ++i)
            blocks.emplace_back(h.options.sack[i].left - peer_iss,
                                h.options.sack[i].right - peer_iss);
        CHECK(blocks == *s.sack_);
    }
    if (s.no_options_) CHECK(h.options == wire::tcp_options());
    bool right = true;
    for (std::size_t i = 0; i < p.payload.size(); ++i)
        right = right && p.payload[i] == pattern(h.sequence - own_iss - 1 + i);
    CHECK(right);
    CHECK(p.segment.ends == ends);
}

void script::expects_nothing() {
    collect();
    if (sent_.empty()) return;
    FAIL_CHECK("the layer sent: " << describe(sent_.front()));
    sent_.clear();
}

void script::forget_sent() {
    collect();
    sent_.clear();
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> script::take_sent() {
    collect();
    std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
    for (const pulled& p : sent_)
        all.emplace_back(p.segment.header.sequence - own_iss, p.segment.payload_size);
    sent_.clear();
    return all;
}

void script::starts_reading(tcp::socket_id other) {
    socket = other;
    read_ = 0;
}

void script::after(duration d) {
    collect();
    const instant until = now_ + d;
    for (;;) {
        const instant next = layer_.next_deadline();
        if (next > until) break;
        now_ = std::max(now_, next);
        layer_.advance(now_);
        collect();
    }
    now_ = until;
}

void script::listens(std::uint32_t backlog) {
    listener = *layer_.open(nullptr);
    REQUIRE(layer_.bind(listener, ends.local, true));
    REQUIRE(layer_.listen(listener, backlog));
}

void script::connects() {
    socket = *layer_.open(nullptr);
    REQUIRE(layer_.bind(socket, ends.local, true));
    REQUIRE(layer_.connect(socket, ends.remote, ends.local.address, now_));
}

void script::accepts() {
    const auto a = layer_.accept(listener);
    REQUIRE(a);
    socket = a->socket;
    CHECK(a->ends == ends);
}

std::size_t script::writes(std::uint32_t count, tcp::send_flags how) {
    std::vector<std::byte> bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = pattern(written_ + i);
    const const_bytes piece(bytes);
    const auto r = layer_.send(socket, {&piece, 1}, now_, how);
    if (!r) return 0;
    written_ += *r;
    return *r;
}

std::size_t script::reads(std::uint32_t most) {
    std::size_t total = 0;
    std::vector<std::byte> bytes(std::min<std::size_t>(most, 65536));
    while (total < most) {
        const mutable_bytes piece(bytes.data(), std::min<std::size_t>(bytes.size(), most - total));
        const auto r = layer_.receive(socket, {&piece, 1}, now_);
        if (!r) break;
        bool right = true;
        for (std::size_t i = 0; i < *r; ++i) right = right && bytes[i] == pattern(read_ + i);
        CHECK(right);
        read_ += *r;
        total += *r;
    }
    return total;
}

error script::read_error() {
    std::byte one{};
    const mutable_bytes piece(&one, 1);
    const auto r = layer_.receive(socket, {&piece, 1}, now_);
    return r.code();
}

tcp::readiness script::events() {
    tcp::readiness all;
    tcp::event e;
    while (layer_.next_event(e)) {
        if (!(e.socket == socket)) continue;
        all.connected |= e.ready.connected;
        all.readable |= e.ready.readable;
        all.writable |= e.ready.writable;
        all.urgent |= e.ready.urgent;
        all.failed |= e.ready.failed;
        all.closed |= e.ready.closed;
    }
    return all;
}

std::uint64_t script::counter(std::string_view name) {
    std::uint64_t found = ~std::uint64_t{0};
    layer_.visit_counters([&](std::string_view n, std::uint64_t v) {
        if (n == name) found = v;
    });
    REQUIRE(found != ~std::uint64_t{0});
    return found;
}

void script::establish_passive(const seg& opening) {
    listens();
    sends(opening);
    expects(syn_ack().seq(0).ack(1));
    sends(ack(1).seq(1));
    accepts();
    (void)events();
    expects_nothing();
}

void script::establish_active(const seg& answer) {
    connects();
    expects(syn().seq(0));
    sends(answer.ack(1));
    expects(ack(1).seq(1));
    CHECK(events().connected);
    expects_nothing();
}

}  // namespace coax::tests
