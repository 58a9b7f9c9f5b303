// Makes and reads DNS messages.
#include "framework/resolver/message.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>

#include <arpa/nameser.h>

#include "framework/resolver/host_name.hpp"

namespace coax::detail::dns {

namespace {

using boost::asio::ip::address;
using std::chrono::seconds;

constexpr std::size_t header_size = NS_HFIXEDSZ;
constexpr std::size_t most_aliases = 16;
constexpr std::size_t most_addresses = 64;
// What is believed for longer is believed for too long.
constexpr seconds longest_life = std::chrono::hours(24);
constexpr seconds longest_negative_life = std::chrono::hours(1);  // RFC 2308 5: one to three hours

void put(std::vector<std::byte>& to, std::uint16_t number) {
    to.push_back(static_cast<std::byte>(number >> 8));
    to.push_back(static_cast<std::byte>(number & 0xff));
}

std::uint16_t u16_at(std::span<const std::byte> from, std::size_t at) {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(from[at]) << 8 |
                                      std::to_integer<unsigned>(from[at + 1]));
}

// RFC 2181 8: the highest bit set means zero.
seconds lifetime_of(std::uint32_t ttl) { return seconds(ttl > 0x7fff'ffffU ? 0 : ttl); }

struct record {
    std::string owner;
    int type = 0;
    seconds lifetime{0};
    std::span<const unsigned char> data;
};

class parsed_message {
  public:
    explicit parsed_message(std::span<const std::byte> bytes)
        : usable_(ns_initparse(reinterpret_cast<const unsigned char*>(bytes.data()),
                               static_cast<int>(bytes.size()), &handle_) == 0) {}

    // Every section and record lies within the message.
    bool is_usable() const { return usable_; }
    bool is_about(const question& asked) {
        ns_rr rr;
        return ns_msg_count(handle_, ns_s_qd) == 1 && ns_parserr(&handle_, ns_s_qd, 0, &rr) == 0 &&
               ns_rr_type(rr) == static_cast<unsigned>(asked.type) && ns_rr_class(rr) == ns_c_in &&
               to_lower(ns_rr_name(rr)) == asked.name;
    }
    // Of class IN; a name that cannot be read ends the section.
    std::vector<record> section(ns_sect which) {
        std::vector<record> all;
        const int count = ns_msg_count(handle_, which);
        for (int i = 0; i != count; ++i) {
            ns_rr rr;
            if (ns_parserr(&handle_, which, i, &rr) != 0) break;
            if (ns_rr_class(rr) != ns_c_in) continue;
            all.push_back({to_lower(ns_rr_name(rr)),
                           static_cast<int>(ns_rr_type(rr)),
                           lifetime_of(ns_rr_ttl(rr)),
                           {ns_rr_rdata(rr), static_cast<std::size_t>(ns_rr_rdlen(rr))}});
        }
        return all;
    }
    // A name in a record's data, which may point to anywhere before it; its length there.
    std::optional<std::string> name_at(const unsigned char* at, std::size_t& length) const {
        std::array<char, NS_MAXDNAME> text{};
        const int read = ns_name_uncompress(ns_msg_base(handle_), ns_msg_end(handle_), at,
                                            text.data(), text.size());
        if (read < 0) return std::nullopt;
        length = static_cast<std::size_t>(read);
        return to_lower(text.data());
    }
    std::optional<std::string> name_in(const record& r) const {
        std::size_t length = 0;
        auto name = name_at(r.data.data(), length);
        return length == r.data.size() ? name : std::nullopt;
    }

  private:
    ns_msg handle_{};
    bool usable_;
};

std::optional<address> address_of(const record& r) {
    if (r.type == ns_t_a) {
        boost::asio::ip::address_v4::bytes_type octets;
        if (r.data.size() != octets.size()) return std::nullopt;
        std::copy(r.data.begin(), r.data.end(), octets.begin());
        return address(boost::asio::ip::address_v4(octets));
    }
    boost::asio::ip::address_v6::bytes_type octets;
    if (r.data.size() != octets.size()) return std::nullopt;
    std::copy(r.data.begin(), r.data.end(), octets.begin());
    return address(boost::asio::ip::address_v6(octets));
}

// Whether `name` is `zone` or below it.
bool is_within(const std::string& name, const std::string& zone) {
    if (zone.empty() || zone == ".") return true;
    return name == zone || (name.size() > zone.size() && name.ends_with(zone) &&
                            name[name.size() - zone.size() - 1] == '.');
}

// RFC 2308 3, 5: how long a "no" may be kept, the SOA record beside it says; without one, not at
// all.
std::optional<seconds> negative_lifetime(parsed_message& message, const std::string& name) {
    for (const record& r : message.section(ns_s_ns)) {
        if (r.type != ns_t_soa || !is_within(name, r.owner)) continue;
        std::size_t first = 0;
        std::size_t second = 0;
        if (!message.name_at(r.data.data(), first) || first >= r.data.size()) continue;
        if (!message.name_at(r.data.data() + first, second)) continue;
        constexpr std::size_t numbers = 5 * 4;  // serial, refresh, retry, expire, minimum
        if (first + second + numbers != r.data.size()) continue;
        const unsigned char* const minimum = r.data.data() + r.data.size() - 4;
        return std::min({lifetime_of(static_cast<std::uint32_t>(ns_get32(minimum))), r.lifetime,
                         longest_negative_life});
    }
    return std::nullopt;
}

// Follows the aliases from the name asked for (RFC 1034 3.6.2), and collects what stands at their
// end, whose name comes back. A server that recurses has them all in its answer (RFC 1034 4.3.2),
// in any order.
std::string follow(parsed_message& message, const question& asked, answer& content) {
    const std::vector<record> records = message.section(ns_s_an);
    const int wanted = static_cast<int>(asked.type);
    content.name = asked.name;
    content.lifetime = longest_life;
    content.what = answer::kind::no_data;
    std::string at = asked.name;
    for (std::size_t aliases = 0; aliases <= most_aliases; ++aliases) {
        const record* alias = nullptr;
        for (const record& r : records) {
            if (r.owner != at) continue;
            if (r.type == ns_t_cname) alias = &r;
            if (r.type != wanted) continue;
            if (asked.type == record_type::ptr) {
                // Names go into logs and comparisons: only those of hosts are handed on.
                const auto name = message.name_in(r);
                const auto usable = name ? to_host_name(*name) : std::nullopt;
                if (!usable || content.what == answer::kind::found) continue;
                content.name = *usable;
            } else {
                const auto found = address_of(r);
                if (!found || content.addresses.size() == most_addresses) continue;
                content.addresses.push_back(*found);
            }
            content.lifetime = std::min(content.lifetime, r.lifetime);
            content.what = answer::kind::found;
        }
        if (content.what == answer::kind::found || alias == nullptr) break;
        const auto target = message.name_in(*alias);
        if (!target) break;
        content.lifetime = std::min(content.lifetime, alias->lifetime);
        at = *target;
        if (asked.type == record_type::ptr) continue;
        if (const auto usable = to_host_name(at)) content.name = *usable;
    }
    return at;
}

// A "no" in the sense of RFC 2308 2: about the name at the end of the aliases.
void conclude(parsed_message& message, const std::string& end, reply& result, bool no_such_name,
              bool recursive) {
    answer& content = result.content;
    if (no_such_name) {  // whatever stands beside it
        content.what = answer::kind::no_name;
        content.addresses.clear();
    }
    if (content.what == answer::kind::found) return;
    const auto lifetime = negative_lifetime(message, end);
    content.lifetime = lifetime ? std::min(*lifetime, content.lifetime) : seconds(0);
    // Neither data nor a reason why not, from one that does not look further: it only points at
    // others.
    if (!no_such_name && !lifetime && !recursive) result.what = reply::kind::failure;
}

}  // namespace

std::vector<std::byte> make_query(const question& asked, std::uint16_t id) {
    std::array<unsigned char, NS_MAXCDNAME> name{};
    const int size =
        ns_name_compress(asked.name.c_str(), name.data(), name.size(), nullptr, nullptr);
    std::vector<std::byte> query;
    if (size <= 0) return query;
    query.reserve(header_size + static_cast<std::size_t>(size) + NS_QFIXEDSZ);
    put(query, id);
    put(query, 0x0100);  // a query, recursion desired
    put(query, 1);       // questions
    put(query, 0);
    put(query, 0);
    put(query, 0);
    const auto* const bytes = reinterpret_cast<const std::byte*>(name.data());
    query.insert(query.end(), bytes, bytes + size);
    put(query, static_cast<std::uint16_t>(asked.type));
    put(query, ns_c_in);
    return query;
}

reply read_reply(std::span<const std::byte> message, const question& asked, std::uint16_t id) {
    reply result;
    if (message.size() < header_size || message.size() > NS_MAXMSG) return result;
    const unsigned flags = u16_at(message, 2);
    const bool is_response = (flags & 0x8000U) != 0;
    const bool is_query = (flags & 0x7800U) == 0;  // of the operation codes
    const bool authoritative = (flags & 0x0400U) != 0;
    const bool truncated = (flags & 0x0200U) != 0;
    const bool recursive = (flags & 0x0080U) != 0;
    // RFC 5452 9.1: identifier and question must be ours; addresses and ports are the socket's
    // matter, which is connected to the server.
    if (u16_at(message, 0) != id || !is_response || !is_query) return result;
    parsed_message parsed(message);
    if (!parsed.is_usable()) {
        result.what = truncated ? reply::kind::truncated : reply::kind::broken;
        return result;
    }
    const unsigned code = flags & 0x000fU;
    if (!parsed.is_about(asked)) {
        // Servers that do not understand a query need not repeat it.
        const bool repeated = u16_at(message, 4) != 0;
        if (!repeated && (code == ns_r_formerr || code == ns_r_notimpl))
            result.what = reply::kind::refusal;
        return result;
    }
    if (truncated) {
        result.what = reply::kind::truncated;
        return result;
    }
    switch (code) {
        case ns_r_noerror:
        case ns_r_nxdomain:
            result.what = reply::kind::answer;
            conclude(parsed, follow(parsed, asked, result.content), result, code == ns_r_nxdomain,
                     recursive || authoritative);
            break;
        case ns_r_servfail: result.what = reply::kind::failure; break;
        default: result.what = reply::kind::refusal; break;
    }
    return result;
}

}  // namespace coax::detail::dns
