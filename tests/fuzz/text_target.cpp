// The parsers of text from outside: backend specifications, addresses, endpoints and URLs, and what
// the web and the key-value server read from a request. The first byte chooses the parser. What is
// accepted has the form that its reader promises, and reads the same when it is written again.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "backends/spec.hpp"
#include "services/http/byte_range.hpp"
#include "services/http/content_type.hpp"
#include "services/http/date.hpp"
#include "services/http/precondition.hpp"
#include "services/http/target.hpp"
#include "services/kv/conversation.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/transfer/url.hpp"
#include "tests/fuzz/input.hpp"

namespace coax::fuzz {
namespace {

constexpr std::time_t today = 1'800'000'000;

std::string text_of(const_bytes rest) {
    return {reinterpret_cast<const char*>(rest.data()), rest.size()};
}

void specification(const std::string& text) {
    const auto parsed = backends::parse_spec(text);
    if (const auto* wrong = std::get_if<backends::failure>(&parsed)) {
        expect(!wrong->message.empty(), "a refusal says why");
        return;
    }
    const auto& spec = std::get<backends::spec>(parsed);
    if (const auto* wire = std::get_if<backends::wire_spec>(&spec)) {
        expect(wire->mtu >= 576 && wire->mtu <= 65521, "MTU of a wire");
        expect(!wire->segment.empty(), "a segment has a name");
        expect(wire->faults.loss >= 0 && wire->faults.loss <= 1, "loss is a share");
        expect(wire->faults.delay.count() >= 0, "no delay into the past");
    }
    if (const auto* xdp = std::get_if<backends::xdp_spec>(&spec)) {
        expect(!xdp->interface.empty() && xdp->interface.size() < 16, "interface name");
        expect(!xdp->addresses.empty(), "xdp owns an address");
        for (const auto& own : xdp->addresses)
            expect(!own.address.is_multicast() && !own.address.is_unspecified(), "a host's");
    }
}

void addresses(const std::string& text) {
    if (const auto ip = stack::ip_address::parse(text)) {
        expect(stack::ip_address::parse(ip->to_string()) == ip, "address: the same again");
    }
    if (const auto prefix = stack::ip_prefix::parse(text)) {
        expect(prefix->length <= (prefix->address.is_v4() ? 32 : 128), "prefix length");
        expect(prefix->contains(prefix->address), "a prefix holds its address");
        expect(stack::ip_prefix::parse(prefix->to_string()) == prefix, "prefix: the same again");
    }
    if (const auto mac = stack::mac_address::parse(text))
        expect(stack::mac_address::parse(mac->to_string()) == mac, "MAC: the same again");
}

void endpoints(const std::string& text) {
    if (const auto one = services::parse_endpoint(text))
        expect(services::parse_endpoint(services::to_text(*one)) == one,
               "endpoint: the same again");
    if (const auto url = services::parse_url(text)) {
        expect(url->endpoint.port() != 0, "a URL names a port");
        expect(url->target.starts_with('/'), "a target begins with a slash");
        for (const std::string& part : {url->host, url->target})
            expect(part.find_first_of(std::string_view("\r\n \0", 4)) == std::string::npos,
                   "nothing splits the request");
    }
}

void request_target(const std::string& text) {
    const auto path = services::parse_target(text);
    if (!path) return;
    const std::string& inside = path->relative;
    expect(!inside.starts_with('/') && inside.find('\0') == std::string::npos, "a relative path");
    for (std::size_t at = 0; at <= inside.size();) {
        const std::size_t end = std::min(inside.find('/', at), inside.size());
        const std::string part = inside.substr(at, end - at);
        expect(part != ".." && part != ".", "no dot segment is left");
        at = end + 1;
    }
    const std::string again = services::to_target(*path);
    const auto second = services::parse_target(again);
    expect(second && second->relative == inside && second->directory == path->directory,
           "target: the same again");
}

void ranges(input& in) {
    const std::uint64_t size = std::uint64_t{in.u32()} << in.below(33);
    const auto chosen = services::choose_range(text_of(in.rest()), size);
    if (chosen.choice != services::range_choice::part) return;
    expect(chosen.range.length > 0 && chosen.range.first < size &&
               chosen.range.length <= size - chosen.range.first,
           "a part lies within the whole");
}

void dates(const std::string& text) {
    const auto time = services::parse_http_date(text, today);
    if (!time) return;
    const auto again = services::parse_http_date(services::to_http_date(*time), today);
    expect(again == time, "date: the same again");
}

void conditions(const std::string& text) {
    const services::validators ours{"\"abc\"", today - 1000};
    std::array<std::string_view, 5> fields;
    std::string_view rest = text;
    for (auto& field : fields) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        field = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const services::condition_fields all{fields[0], fields[1], fields[2], fields[3], fields[4]};
    (void)services::evaluate(all, ours, today);
    (void)services::range_applies(all, ours, today);
    if (fields[0].empty() && fields[1].empty() && fields[2].empty() && fields[3].empty())
        expect(services::evaluate(all, ours, today) == services::precondition::proceed,
               "no condition, no refusal");
}

constexpr std::size_t kv_memory = 65'536;

std::shared_ptr<services::kv::database> new_database() {
    const services::kv::store_limits limits{kv_memory, services::kv::eviction_policy::allkeys_lru};
    auto made = std::make_shared<services::kv::database>(limits, services::kv::hash_key{1, 2}, 3);
    made->data.set_now(today);
    return made;
}

// What a new client gets for these bytes, if they come in such pieces.
std::string converse(const std::shared_ptr<services::kv::database>& base, std::string_view bytes,
                     std::size_t piece) {
    using services::kv::conversation;
    conversation client(base);
    std::string answers;
    auto state = conversation::state::reading;
    while (!bytes.empty() && state != conversation::state::closing) {
        const auto room = client.room();
        const std::size_t n = std::min({bytes.size(), piece, room.size()});
        std::memcpy(room.data(), bytes.data(), n);
        client.commit(n);
        bytes.remove_prefix(n);
        do {
            state = client.answer();
            std::string some;
            client.take_output(some);
            answers += some;
        } while (state == conversation::state::full);
    }
    return answers;
}

void key_value_requests(input& in) {
    const std::size_t piece = 1 + in.below(64);
    const std::string text = text_of(in.rest());
    const auto whole = new_database();
    const std::string answers = converse(whole, text, text.size());
    expect(whole->data.memory() <= 4 * kv_memory + 64 * text.size(), "memory is bounded");
    expect(whole->buffers.used() == 0, "nothing is left of a client");
    expect(whole->channels.channels() + whole->channels.patterns() == 0, "nor subscriptions");
    // INFO tells how much has come, and when.
    if (answers.find("# Server") == std::string::npos &&
        answers.find("# Clients") == std::string::npos &&
        answers.find("# Stats") == std::string::npos) {
        const auto parts = new_database();
        expect(converse(parts, text, piece) == answers, "the same in pieces");
        expect(parts->data.memory() == whole->data.memory(), "and the same keys");
    }
    converse(whole, "FLUSHALL\r\n", 100);
    expect(whole->data.memory() == 0, "the account ends at zero");
}

void run(const_bytes all) {
    input in(all);
    const std::uint32_t which = in.below(8);
    if (which == 7) return key_value_requests(in);
    if (which == 6) return ranges(in);
    const std::string text = text_of(in.rest());
    switch (which) {
        case 0: specification(text); break;
        case 1: addresses(text); break;
        case 2: endpoints(text); break;
        case 3: request_target(text); break;
        case 4: dates(text); break;
        case 5: conditions(text); break;
        default: break;
    }
    expect(!services::content_type(text).empty(), "every file has a type");
}

std::vector<bytes> seeds() {
    std::vector<bytes> made;
    const auto add = [&](unsigned which, std::string_view text) {
        made.push_back(script_writer().u8(which).text(text).made());
    };
    add(0, "kernel");
    add(0,
        "wire:lab,ip=198.18.0.2/"
        "24,mtu=9000,gso=on,rx_checksum=trusted,full=drop,spread=frame,loss=0.02");
    add(0, "wire,burst=3,duplicate=0.1,reorder=0.1,corrupt=1e-3,delay=10ms,jitter=2us,seed=7");
    add(0, "xdp:veth0,ip=198.18.0.2/24,gw=198.18.0.1,mode=skb,queue=1,queues=2,frames=4096");
    add(0, "xdp:eth1,ip=fd00:c0a0::2/64,ring=2048,rx_checksum=partial,tx_checksum=off,capture=f");
    for (const char* text : {"198.18.0.2", "fd00::1:2", "::ffff:198.18.0.2", "198.18.0.0/15",
                             "fd00:c0a0::/32", "02:00:00:00:00:01", "1:2:3:4:5:6:7:8"})
        add(1, text);
    for (const char* text : {"198.18.0.2:80", "[fd00::2]:65535", "http://198.18.0.2/a/b?c#d",
                             "http://[fd00::2]:8080", "http://198.18.0.2:81?x"})
        add(2, text);
    for (const char* text : {"/", "/a/b/../c/./d%20e?x=%2f", "http://host/a//b/", "/%41/%2e%2e/b"})
        add(3, text);
    for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                             "Sun Nov  6 08:49:37 1994"})
        add(4, text);
    add(5, "\"abc\", W/\"x\"\n*\nSun, 06 Nov 1994 08:49:37 GMT\n\n\"abc\"");
    add(5, "\n\nSun, 06 Nov 2044 08:49:37 GMT\nSun, 06 Nov 1994 08:49:37 GMT\n");
    for (const char* text : {"bytes=0-499", "bytes=-500", "bytes=9500-", "bytes=0-0,-1"})
        made.push_back(script_writer().u8(6).u32(10000).u8(0).text(text).made());
    for (const char* text :
         {"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\nINCR a\r\nEXPIRE a -1\r\nGET a\r\n",
          "HELLO 3\r\nHSET h a 1 b 2\r\nHGETALL h\r\nHINCRBY h a -5\r\nHDEL h a b\r\nQUIT\r\n",
          "RPUSH l a b c a\r\nLREM l -1 a\r\nLTRIM l 0 1\r\nLRANGE l 0 -1\r\nLPOP l 9\r\n",
          "SUBSCRIBE a\r\nPSUBSCRIBE [a-c]*\r\nHELLO 3\r\nPUBLISH a b\r\nUNSUBSCRIBE\r\n",
          "ZADD z 1 a 2 b\r\nSADD s 'x y' \"\\x41\"\r\nZPOPMIN z 3\r\nSPOP s\r\nSCAN 0 MATCH *\r\n",
          "SET a 1.5 PX 100 NX GET\r\nINCRBYFLOAT a 1e3\r\nSETRANGE a 9 x\r\nRENAME a b\r\n"})
        made.push_back(script_writer().u8(7).u8(5).text(text).made());
    return made;
}

}  // namespace

const target text_target{"text", run, seeds};

}  // namespace coax::fuzz
