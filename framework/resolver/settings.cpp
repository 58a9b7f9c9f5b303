// Reads resolv.conf(5).
#include "framework/resolver/settings.hpp"

#include <algorithm>
#include <charconv>

#include "framework/resolver/host_name.hpp"
#include "framework/resolver/text_file.hpp"

namespace coax::detail::dns {

namespace {

constexpr std::size_t most_servers = 8;
constexpr std::size_t most_domains = 16;
constexpr unsigned short dns_port = 53;

void read_server(settings& target, std::string_view word) {
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(std::string(word), ec);
    if (ec || address.is_loopback() || target.servers.size() == most_servers) return;
    target.servers.emplace_back(address, dns_port);
}

void read_domains(settings& target, std::string_view line) {
    target.search.clear();  // the last line counts
    for (;;) {
        const std::string_view word = next_word(line);
        if (word.empty()) return;
        const auto name = to_host_name(word);
        if (name && target.search.size() != most_domains) target.search.push_back(*name);
    }
}

// "NAME:NUMBER", brought into the range; anything else leaves the value as it is.
void read_number(std::string_view word, std::string_view name, unsigned least, unsigned most,
                 unsigned& target) {
    if (!word.starts_with(name)) return;
    word.remove_prefix(name.size());
    unsigned value = 0;
    const auto [end, wrong] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (wrong == std::errc() && end == word.data() + word.size())
        target = std::clamp(value, least, most);
}

void read_options(settings& target, std::string_view line) {
    for (;;) {
        const std::string_view word = next_word(line);
        if (word.empty()) return;
        auto timeout = static_cast<unsigned>(target.timeout.count());
        read_number(word, "ndots:", 0, 15, target.dots);
        read_number(word, "timeout:", 1, 30, timeout);
        read_number(word, "attempts:", 1, 5, target.attempts);
        target.timeout = std::chrono::seconds(timeout);
        if (word == "rotate") target.rotate = true;
    }
}

}  // namespace

settings parse_resolver_configuration(std::string_view text) {
    settings read;
    while (!text.empty()) {
        std::string_view line = next_line(text);
        if (line.starts_with(';')) continue;
        const std::string_view keyword = next_word(line);
        if (keyword == "nameserver") read_server(read, next_word(line));
        if (keyword == "domain" || keyword == "search") read_domains(read, line);
        if (keyword == "options") read_options(read, line);
    }
    return read;
}

}  // namespace coax::detail::dns
