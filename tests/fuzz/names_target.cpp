// What decides where a name leads: replies of name servers, which strangers write, and the files
// that the machine's owner writes. The first byte chooses the reader.
#include <algorithm>
#include <string>

#include "framework/resolver/host_name.hpp"
#include "framework/resolver/hosts_file.hpp"
#include "framework/resolver/message.hpp"
#include "framework/resolver/settings.hpp"
#include "tests/fuzz/input.hpp"

namespace coax::fuzz {
namespace {

namespace dns = coax::detail::dns;
using namespace std::chrono_literals;

constexpr std::uint16_t identifier = 0x1234;
constexpr unsigned header_size = 12;

dns::question question_of(std::uint32_t which) {
    switch (which) {
        case 0: return {"www.example", dns::record_type::a};
        case 1: return {"www.example", dns::record_type::aaaa};
        default: return {"3.7.18.198.in-addr.arpa", dns::record_type::ptr};
    }
}

void check_answer(const dns::question& asked, const dns::answer& said) {
    expect(said.addresses.size() <= 64, "not more addresses than one can want");
    expect(said.lifetime >= 0s && said.lifetime <= 24h, "a lifetime");
    if (said.what != dns::answer::kind::found) {
        expect(said.addresses.empty(), "no is no");
        expect(said.lifetime <= 1h, "and not for long");
        return;
    }
    if (asked.type == dns::record_type::ptr) {
        expect(said.addresses.empty(), "a name is no address");
        expect(dns::to_host_name(said.name) == said.name, "a host's name");
        return;
    }
    expect(!said.addresses.empty(), "what is found is there");
    const bool v6 = asked.type == dns::record_type::aaaa;
    for (const auto& each : said.addresses) expect(each.is_v6() == v6, "of the type asked for");
    expect(said.name == asked.name || dns::to_host_name(said.name) == said.name, "a host's name");
}

// The bytes as they are; or behind a header and a question that fit, so that records are reached.
void reply(input& in) {
    const dns::question asked = question_of(in.below(3));
    bytes message;
    if (in.yes()) {
        message = dns::make_query(asked, identifier);
        message[2] = static_cast<std::byte>(0x80 | in.u8());
        message[3] = static_cast<std::byte>(in.u8());
        for (const std::size_t count : {7U, 9U, 11U}) message[count] = std::byte{in.u8()};
    }
    const const_bytes rest = in.rest();
    message.insert(message.end(), rest.begin(), rest.end());
    const dns::reply read = dns::read_reply(message, asked, identifier);
    if (read.what == dns::reply::kind::answer) check_answer(asked, read.content);
    if (message.size() < header_size)
        expect(read.what == dns::reply::kind::foreign, "no header, no reply");
    expect(dns::read_reply(message, asked, identifier + 1).what == dns::reply::kind::foreign ||
               (message[0] == std::byte{0x12} && message[1] == std::byte{0x35}),
           "another identifier is another's");
}

std::string text_of(const_bytes rest) {
    return {reinterpret_cast<const char*>(rest.data()), rest.size()};
}

void host_name(const std::string& text) {
    const auto name = dns::to_host_name(text);
    if (!name) return;
    expect(name->size() <= 253 && dns::to_host_name(*name) == name, "a name: the same again");
    const bytes query = dns::make_query({*name, dns::record_type::a}, identifier);
    expect(query.size() == header_size + name->size() + 2 + 4,
           "one byte more than letters and dots");
}

void configuration(const std::string& text) {
    const dns::settings s = dns::parse_resolver_configuration(text);
    expect(s.servers.size() <= 8 && s.search.size() <= 16, "bounded");
    expect(s.dots <= 15 && s.attempts >= 1 && s.attempts <= 5, "in their ranges");
    expect(s.timeout >= 1s && s.timeout <= 30s, "a timeout");
    for (const auto& server : s.servers) expect(!server.address().is_loopback(), "in reach");
    for (const auto& domain : s.search) expect(dns::to_host_name(domain) == domain, "a domain");
}

void hosts(const std::string& text) {
    dns::hosts_file file("");
    file.read(text);
    for (const char* name : {"localhost", "box"})
        for (const auto& entry : file.find(name)) {
            expect(dns::to_host_name(entry.canonical) == entry.canonical, "a host's name");
            expect(file.find(entry.address) != nullptr, "an address has a name");
        }
}

void run(const_bytes all) {
    input in(all);
    switch (in.below(4)) {
        case 0: return reply(in);
        case 1: return host_name(text_of(in.rest()));
        case 2: return configuration(text_of(in.rest()));
        default: return hosts(text_of(in.rest()));
    }
}

// Behind header and question: records, with names that point at the question.
bytes records(std::uint32_t type, std::uint32_t code, std::initializer_list<std::uint8_t> counts,
              std::initializer_list<std::uint8_t> data) {
    script_writer made;
    made.u8(0).u8(type).u8(1).u8(0x01).u8(0x80 | code);
    for (const std::uint8_t count : counts) made.u8(count);
    for (const std::uint8_t each : data) made.u8(each);
    return made.made();
}

std::vector<bytes> seeds() {
    std::vector<bytes> made;
    // An address; an alias and its address; an alias to itself.
    made.push_back(
        records(0, 0, {1, 0, 0}, {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 7, 3}));
    made.push_back(
        records(1, 0, {2, 0, 0}, {0xc0, 12,   0,  5, 0,  1, 0, 0, 0, 60, 0, 4, 1,  'b',  0xc0,
                                  16,   0xc0, 41, 0, 28, 0, 1, 0, 0, 0,  9, 0, 16, 0xfd, 0,
                                  0xc0, 0xa0, 0,  0, 0,  0, 0, 0, 0, 0,  0, 0, 0,  1}));
    made.push_back(records(0, 0, {1, 0, 0}, {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12}));
    // No such name, with the zone's SOA record; a name for an address.
    made.push_back(records(0, 3, {0, 1, 0},
                           {0xc0, 16, 0, 6, 0, 1, 0, 0, 0, 60, 0, 24, 0xc0, 16, 0xc0, 16, 0, 0,
                            0,    1,  0, 0, 0, 2, 0, 0, 0, 3,  0, 0,  0,    4,  0,    0,  0, 30}));
    // "No such name", and there it is.
    made.push_back(
        records(0, 3, {1, 0, 0}, {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 7, 3}));
    made.push_back(records(2, 0, {1, 0, 0}, {0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, 3, 1, 'b', 0}));
    for (const char* text : {"www.example", "WWW.Example.", "1.2.3.4", "x_y-z", "a..b"})
        made.push_back(script_writer().u8(1).text(text).made());
    made.push_back(script_writer()
                       .u8(2)
                       .text("nameserver 198.18.0.1\nsearch a.example b\noptions ndots:2 timeout:3 "
                             "attempts:9 rotate\n; no\nnameserver ::1 # x\ndomain c")
                       .made());
    made.push_back(script_writer()
                       .u8(3)
                       .text("127.0.0.1 localhost box\n::1 localhost\n198.18.0.1 a BOX # x\n")
                       .made());
    return made;
}

}  // namespace

const target names_target{"names", run, seeds};

}  // namespace coax::fuzz
