// A name server for tests, on coax's own sockets: what it says, and how it misbehaves, a test
// decides message by message. Writes messages byte by byte, with no code of the resolver.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace coax_test {

using octets = std::vector<std::uint8_t>;

inline void put16(octets& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(octets& to, std::uint32_t value) {
    put16(to, value >> 16);
    put16(to, value & 0xffff);
}
inline void append(octets& to, const octets& more) {
    to.insert(to.end(), more.begin(), more.end());
}

// "www.example" as labels; "" is the root.
inline octets dns_name(std::string_view text) {
    octets made;
    while (!text.empty()) {
        const std::string_view label = text.substr(0, text.find('.'));
        made.push_back(static_cast<std::uint8_t>(label.size()));
        made.insert(made.end(), label.begin(), label.end());
        text.remove_prefix(std::min(label.size() + 1, text.size()));
    }
    made.push_back(0);
    return made;
}

enum dns_type : std::uint16_t { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, AAAA = 28 };

struct dns_record {
    std::string owner;
    dns_type type;
    std::uint32_t ttl;
    octets data;
};
inline dns_record a(std::string owner, std::string_view address, std::uint32_t ttl = 60) {
    const auto bytes = boost::asio::ip::make_address_v4(address).to_bytes();
    return {std::move(owner), A, ttl, {bytes.begin(), bytes.end()}};
}
inline dns_record aaaa(std::string owner, std::string_view address, std::uint32_t ttl = 60) {
    const auto bytes = boost::asio::ip::make_address_v6(address).to_bytes();
    return {std::move(owner), AAAA, ttl, {bytes.begin(), bytes.end()}};
}
inline dns_record alias(std::string owner, std::string_view target, std::uint32_t ttl = 60) {
    return {std::move(owner), CNAME, ttl, dns_name(target)};
}
inline dns_record ptr(std::string owner, std::string_view target) {
    return {std::move(owner), PTR, 60, dns_name(target)};
}
inline dns_record soa(std::string zone, std::uint32_t minimum, std::uint32_t ttl = 3600) {
    octets data = dns_name("ns." + zone);
    append(data, dns_name("root." + zone));
    for (const std::uint32_t number : {1U, 3600U, 600U, 86400U, minimum}) put32(data, number);
    return {std::move(zone), SOA, ttl, data};
}

struct dns_query {
    std::uint16_t id = 0;
    std::string name;
    std::uint16_t type = 0;
    bool by_tcp = false;

    // Of a whole message.
    static dns_query read(const octets& message) {
        dns_query q;
        q.id = static_cast<std::uint16_t>(message.at(0) << 8 | message.at(1));
        std::size_t at = 12;
        while (const std::size_t size = message.at(at)) {
            if (!q.name.empty()) q.name += '.';
            for (std::size_t i = 1; i <= size; ++i) q.name += static_cast<char>(message.at(at + i));
            at += size + 1;
        }
        q.type = static_cast<std::uint16_t>(message.at(at + 1) << 8 | message.at(at + 2));
        return q;
    }
};

enum dns_code : unsigned {
    fine = 0,
    format_error = 1,
    server_failure = 2,
    no_name = 3,
    refused = 5
};

struct dns_reply {
    dns_query to;
    std::vector<dns_record> answers = {};
    std::vector<dns_record> authority = {};
    unsigned code = fine;
    unsigned flags = 0x8180;  // response, recursion desired and available

    octets made() const {
        octets m;
        put16(m, to.id);
        put16(m, flags | code);
        put16(m, 1);
        put16(m, static_cast<unsigned>(answers.size()));
        put16(m, static_cast<unsigned>(authority.size()));
        put16(m, 0);
        append(m, dns_name(to.name));
        put16(m, to.type);
        put16(m, 1);
        for (const auto* section : {&answers, &authority}) {
            for (const dns_record& r : *section) {
                append(m, dns_name(r.owner));
                put16(m, r.type);
                put16(m, 1);
                put32(m, r.ttl);
                put16(m, static_cast<unsigned>(r.data.size()));
                append(m, r.data);
            }
        }
        return m;
    }
};
constexpr unsigned truncated_flags = 0x8380;

class dns_server {
  public:
    using udp = coax::udp;
    using tcp = coax::tcp;

    // On the server's address.
    explicit dns_server(world& w, std::uint16_t port = 53)
        : dns_server(w.server(), {w.listen_address().address(), port}) {}
    dns_server(coax::io_context& io, const udp::endpoint& where)
        : socket_(io, where), acceptor_(io, tcp::endpoint(where.address(), where.port())) {
        receive();
        accept();
    }

    // What is said to a query; nothing: silence. At first: what the zone has.
    std::function<std::vector<octets>(const dns_query&)> say = [this](const dns_query& q) {
        return std::vector<octets>{from_zone(q)};
    };
    std::vector<dns_record> zone;
    std::vector<std::string> asked;  // "www.example A"
    udp::endpoint client;            // the last one
    unsigned by_tcp = 0;

    // The zone's records of that name and type; or NXDOMAIN or no data, with `negative` if it is
    // there.
    octets from_zone(const dns_query& q) const {
        dns_reply r{q};
        bool known = false;
        for (const dns_record& each : zone) {
            known = known || each.owner == q.name;
            if (each.owner == q.name && each.type == q.type) r.answers.push_back(each);
        }
        if (!known) r.code = no_name;
        if (r.answers.empty() && negative) r.authority.push_back(*negative);
        return r.made();
    }
    std::optional<dns_record> negative;

    unsigned count(std::string_view what) const {
        unsigned n = 0;
        for (const auto& each : asked)
            if (each == what) ++n;
        return n;
    }
    udp::socket& socket() { return socket_; }
    void stop() {
        socket_.close();
        acceptor_.close();
    }

  private:
    void note(const dns_query& q) {
        asked.push_back(q.name + (q.type == A ? " A" : q.type == AAAA ? " AAAA" : " PTR"));
    }
    void receive() {
        socket_.async_receive_from(
            boost::asio::buffer(incoming_), client,
            [this](boost::system::error_code ec, std::size_t n) {
                if (ec) return;
                const dns_query q =
                    dns_query::read({incoming_.begin(), incoming_.begin() + static_cast<long>(n)});
                note(q);
                for (const octets& each : say(q))
                    socket_.send_to(boost::asio::buffer(each), client);
                receive();
            });
    }
    void accept() {
        acceptor_.async_accept([this](boost::system::error_code ec, tcp::socket s) {
            if (ec) return;
            boost::asio::co_spawn(acceptor_.get_executor(), serve(std::move(s)),
                                  boost::asio::detached);
            accept();
        });
    }
    boost::asio::awaitable<void> serve(tcp::socket s) {
        using boost::asio::use_awaitable;
        std::array<std::uint8_t, 2> size{};
        co_await boost::asio::async_read(s, boost::asio::buffer(size), use_awaitable);
        octets message(static_cast<std::size_t>(size[0] << 8 | size[1]));
        co_await boost::asio::async_read(s, boost::asio::buffer(message), use_awaitable);
        dns_query q = dns_query::read(message);
        q.by_tcp = true;
        ++by_tcp;
        for (const octets& each : say(q)) {
            octets whole;
            put16(whole, static_cast<unsigned>(each.size()));
            append(whole, each);
            co_await boost::asio::async_write(s, boost::asio::buffer(whole), use_awaitable);
        }
        boost::system::error_code ec;
        co_await s.async_wait(tcp::socket::wait_read,
                              boost::asio::redirect_error(use_awaitable, ec));
    }

    udp::socket socket_;
    tcp::acceptor acceptor_;
    std::array<std::uint8_t, 1500> incoming_{};
};

// What a resolver answered; and the loop that waits for it.
template <class Protocol = coax::tcp>
struct resolved {
    using results = boost::asio::ip::basic_resolver_results<Protocol>;

    void operator()(boost::system::error_code e, const results& r) const {
        *ended = true;
        *ec = e;
        *all = r;
    }
    std::vector<std::string> addresses() const {
        std::vector<std::string> text;
        for (const auto& each : *all) text.push_back(each.endpoint().address().to_string());
        return text;
    }
    std::string host() const { return all->empty() ? "" : all->begin()->host_name(); }

    std::shared_ptr<bool> ended = std::make_shared<bool>(false);
    std::shared_ptr<boost::system::error_code> ec = std::make_shared<boost::system::error_code>();
    std::shared_ptr<results> all = std::make_shared<results>();
};

inline resolved<> resolve(world& w, std::string_view host, std::string_view service = "80",
                          coax::tcp::resolver::flags flags = {}) {
    coax::tcp::resolver r(w.client());
    resolved<> answer;
    r.async_resolve(host, service, flags, answer);
    w.run_until([&] { return *answer.ended; });
    return answer;
}

}  // namespace coax_test
