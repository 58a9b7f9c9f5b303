// Set-up commands as settings of the stack.
#include "tests/packetdrill/adapter/settings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace coax::packetdrill {

namespace {

std::optional<std::int64_t> number(std::string_view text) {
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16) text.remove_prefix(2);
    std::int64_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (fault != std::errc() || end == text.data()) return {};
    return value;
}

std::vector<std::string_view> words(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> found;
    while (true) {
        const std::size_t begin = text.find_first_not_of(separators);
        if (begin == std::string_view::npos) return found;
        text.remove_prefix(begin);
        const std::size_t end = std::min(text.find_first_of(separators), text.size());
        found.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

}  // namespace

// What the scripts' common set-up says: a receive buffer of at most 15 MiB (window scale 8), five
// retries of SYN and SYN-ACK, no slow start after idle.
settings::settings() {
    stack::tcp_config& tcp = config.tcp;
    tcp.receive_buffer_max_bytes = 15U << 20;
    tcp.send_buffer_bytes = send_buffer;
    tcp.after_idle = stack::idle_window::keep;
    tcp.syn_retries = 5;
    tcp.syn_ack_retries = 5;
    tcp.connections_max = 1024;
    tcp.half_open_max = 1024;
    tcp.time_wait_max = 1024;
}

bool settings::read_flags(std::string_view flags, std::string& unknown) {
    for (const std::string_view word : words(flags, ", ")) {
        const std::size_t equals = word.find('=');
        const std::string_view name = word.substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? "1" : word.substr(equals + 1);
        if (set(name, value)) continue;
        unknown = name;
        return false;
    }
    return true;
}

void settings::read_command(std::string_view command) {
    for (const std::string_view line : words(command, "\n;")) {
        if (line.find("tc qdisc") != std::string_view::npos)
            unreachable = line.find("limit 0") != std::string_view::npos;
        for (std::string_view word : words(line, " \t\"'")) {
            // sysctl -q net.ipv4.NAME=VALUE, set_sysctls.py /proc/sys/net/ipv4/NAME=VALUE
            const std::size_t equals = word.find('=');
            if (equals == std::string_view::npos) continue;
            const std::size_t begin = word.find_last_of("./", equals);
            if (begin == std::string_view::npos) continue;
            set(word.substr(begin + 1, equals - begin - 1), word.substr(equals + 1));
        }
    }
}

bool settings::set(std::string_view name, std::string_view value) {
    stack::tcp_config& tcp = config.tcp;
    if (name == "local") {
        const auto prefix = stack::ip_prefix::parse(value);
        if (prefix) local = *prefix;
        return prefix.has_value();
    }
    if (name == "tcp_congestion_control") {
        const std::string_view wanted = value == "reno" ? "newreno" : value;
        const auto& names = stack::congestion_algorithm_names;
        const auto at = std::find(names.begin(), names.end(), wanted);
        if (at == names.end()) return false;
        tcp.congestion = static_cast<stack::congestion_algorithm>(at - names.begin());
        return true;
    }
    const auto n = number(value);
    if (!n || *n < 0) return false;
    if (name == "mtu") mtu = static_cast<std::uint16_t>(*n);
    else if (name == "verbose") verbose = *n != 0;
    else if (name == "tcp_timestamps") tcp.timestamps = *n != 0;
    else if (name == "tcp_window_scaling") tcp.window_scaling = *n != 0;
    else if (name == "tcp_syn_retries") tcp.syn_retries = static_cast<std::uint8_t>(*n);
    else if (name == "tcp_synack_retries") tcp.syn_ack_retries = static_cast<std::uint8_t>(*n);
    else if (name == "tcp_ecn")  // 0 off, 1 asked for, 2 agreed to
        tcp.ecn = *n == 0   ? stack::ecn_use::off
                  : *n == 1 ? stack::ecn_use::request
                            : stack::ecn_use::accept;
    else if (name == "tcp_sack") tcp.sack = *n != 0;
    else if (name == "tcp_slow_start_after_idle")
        tcp.after_idle = *n != 0 ? stack::idle_window::decay : stack::idle_window::keep;
    else if (name == "tcp_notsent_lowat")
        unsent_low_water = *n == 0xffffffff ? 0 : static_cast<std::uint32_t>(*n);
    else return false;
    return true;
}

}  // namespace coax::packetdrill
