// Parses specification strings: which kinds there are, which keys each has, what each may be.
// Opens nothing and asks the machine nothing.
#include "backends/spec.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <span>

#include "backends/spec_value.hpp"

namespace coax::backends {

namespace {

// A key of a kind: reads its value into the spec, or says what the value must be.
template <class Spec>
struct key {
    std::string_view name;
    std::string (*read)(Spec& target, std::string_view value);
    bool repeatable = false;
};

std::string quoted(std::string_view text) { return std::string("\"").append(text).append("\""); }

template <class Spec>
std::string read_address(Spec& target, std::string_view value) {
    stack::ip_prefix prefix;
    std::string wrong = read_host_prefix(value, prefix);
    if (!wrong.empty()) return wrong;
    for (const auto& other : target.addresses)
        if (other.address == prefix.address) return "is given twice";
    target.addresses.push_back(prefix);
    return {};
}

std::string read_path(std::string_view value, std::string& target) {
    if (value.empty()) return "must be the name of a file";
    target = value;
    return {};
}

using words_checksum = std::array<std::pair<std::string_view, xdp_spec::checksum>, 4>;
constexpr words_checksum xdp_checksums{{{"auto", xdp_spec::checksum::automatic},
                                        {"strict", xdp_spec::checksum::strict},
                                        {"partial", xdp_spec::checksum::partial},
                                        {"trusted", xdp_spec::checksum::trusted}}};
constexpr std::array<std::pair<std::string_view, xdp_spec::attach_mode>, 3> attach_modes{
    {{"auto", xdp_spec::attach_mode::automatic},
     {"native", xdp_spec::attach_mode::native},
     {"skb", xdp_spec::attach_mode::skb}}};
constexpr std::array<std::pair<std::string_view, wire_spec::checksum>, 2> wire_checksums{
    {{"strict", wire_spec::checksum::strict}, {"trusted", wire_spec::checksum::trusted}}};
constexpr std::array<std::pair<std::string_view, wire_spec::when_full>, 2> when_full_words{
    {{"wait", wire_spec::when_full::wait}, {"drop", wire_spec::when_full::drop}}};

constexpr std::array<std::pair<std::string_view, wire_spec::spreading>, 2> spreading_words{
    {{"flow", wire_spec::spreading::flow}, {"frame", wire_spec::spreading::frame}}};

std::string read_power_of_two(std::string_view value, unsigned least, unsigned most,
                              unsigned& target) {
    unsigned number = 0;
    if (!read_number(value, least, most, number).empty() || !std::has_single_bit(number))
        return "must be a power of two, " + std::to_string(least) + ".." + std::to_string(most);
    target = number;
    return {};
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> congestion_controls{
    {{"cubic", "cubic"}, {"newreno", "newreno"}, {"bbr", "bbr"}}};
constexpr std::array<std::pair<std::string_view, tcp_choices::ecn_use>, 3> ecn_words{
    {{"off", tcp_choices::ecn_use::off},
     {"accept", tcp_choices::ecn_use::accept},
     {"on", tcp_choices::ecn_use::on}}};
constexpr std::array<std::pair<std::string_view, tcp_choices::idle_window>, 4> idle_words{
    {{"keep", tcp_choices::idle_window::keep},
     {"restart", tcp_choices::idle_window::restart},
     {"decay", tcp_choices::idle_window::decay},
     {"validate", tcp_choices::idle_window::validate}}};

std::string read_congestion(std::string_view value, std::string& target) {
    std::string_view name;
    std::string wrong = read_word(value, congestion_controls, name);
    if (wrong.empty()) target = name;
    return wrong;
}

constexpr std::size_t most_servers = 8;
constexpr std::size_t most_domains = 16;

std::string read_server(std::string_view value, std::vector<stack::endpoint>& target) {
    stack::endpoint server;
    std::string wrong = read_host_endpoint(value, 53, server);
    if (!wrong.empty()) return wrong;
    if (target.size() == most_servers) return "is one too many: at most 8 servers";
    target.push_back(server);
    return {};
}

std::string read_domain(std::string_view value, std::vector<std::string>& target) {
    if (!is_domain(value)) return "must be a domain: letters, digits, '-', '_' and dots";
    if (target.size() == most_domains) return "is one too many: at most 16 domains";
    target.emplace_back(value);
    return {};
}

// The keys that wire and xdp share: what may go wrong on the medium, the capture, TCP, and names.
template <class Spec>
constexpr std::array<key<Spec>, 17> shared_keys{{
    {"loss", [](Spec& s, std::string_view v) { return read_share(v, s.faults.loss); }},
    {"burst", [](Spec& s, std::string_view v) { return read_factor(v, 1, s.faults.burst); }},
    {"duplicate", [](Spec& s, std::string_view v) { return read_share(v, s.faults.duplicate); }},
    {"reorder", [](Spec& s, std::string_view v) { return read_share(v, s.faults.reorder); }},
    {"corrupt", [](Spec& s, std::string_view v) { return read_share(v, s.faults.corrupt); }},
    {"delay", [](Spec& s, std::string_view v) { return read_duration(v, s.faults.delay); }},
    {"jitter", [](Spec& s, std::string_view v) { return read_duration(v, s.faults.jitter); }},
    {"seed",
     [](Spec& s, std::string_view v) { return read_number(v, 0, UINT64_MAX, s.faults.seed); }},
    {"capture", [](Spec& s, std::string_view v) { return read_path(v, s.capture); }},
    {"congestion",
     [](Spec& s, std::string_view v) { return read_congestion(v, s.tcp.congestion); }},
    {"ecn", [](Spec& s, std::string_view v) { return read_word(v, ecn_words, s.tcp.ecn); }},
    {"pacing", [](Spec& s, std::string_view v) { return read_switch(v, s.tcp.pacing); }},
    {"idle", [](Spec& s, std::string_view v) { return read_word(v, idle_words, s.tcp.idle); }},
    {"dns", [](Spec& s, std::string_view v) { return read_server(v, s.names.servers); }, true},
    {"search", [](Spec& s, std::string_view v) { return read_domain(v, s.names.search); }, true},
    {"hosts", [](Spec& s, std::string_view v) { return read_path(v, s.names.hosts); }},
    {"resolv", [](Spec& s, std::string_view v) { return read_path(v, s.names.configuration); }},
}};

constexpr std::array<key<wire_spec>, 6> wire_keys{{
    {"ip", read_address<wire_spec>, true},
    {"mtu", [](wire_spec& s, std::string_view v) { return read_number(v, 576U, 65521U, s.mtu); }},
    {"gso", [](wire_spec& s, std::string_view v) { return read_switch(v, s.gso); }},
    {"rx_checksum",
     [](wire_spec& s, std::string_view v) { return read_word(v, wire_checksums, s.rx_checksum); }},
    {"full",
     [](wire_spec& s, std::string_view v) { return read_word(v, when_full_words, s.full); }},
    {"spread",
     [](wire_spec& s, std::string_view v) { return read_word(v, spreading_words, s.spread); }},
}};

constexpr std::array<key<xdp_spec>, 10> xdp_keys{{
    {"ip", read_address<xdp_spec>, true},
    {"gw", [](xdp_spec& s, std::string_view v) { return read_host(v, s.gateway); }},
    {"mode", [](xdp_spec& s, std::string_view v) { return read_word(v, attach_modes, s.mode); }},
    {"queue", [](xdp_spec& s, std::string_view v) { return read_number(v, 0U, 4095U, s.queue); }},
    {"queues", [](xdp_spec& s, std::string_view v) { return read_number(v, 1U, 64U, s.queues); }},
    {"frames",
     [](xdp_spec& s, std::string_view v) { return read_number(v, 128U, 1U << 20, s.frames); }},
    {"ring", [](xdp_spec& s,
                std::string_view v) { return read_power_of_two(v, 64, 1U << 15, s.ring_entries); }},
    {"rx_checksum",
     [](xdp_spec& s, std::string_view v) { return read_word(v, xdp_checksums, s.rx_checksum); }},
    {"tx_checksum", [](xdp_spec& s, std::string_view v) { return read_switch(v, s.tx_checksum); }},
    {"gso", [](xdp_spec& s, std::string_view v) { return read_switch(v, s.gso); }},
}};

template <class Spec>
std::string key_names(std::span<const key<Spec>> own, std::span<const key<Spec>> more) {
    std::string names;
    for (const auto& keys : {own, more})
        for (const auto& k : keys) names += (names.empty() ? "" : ", ") + std::string(k.name);
    return names;
}

// Reads "key=value,key=value" into `target`; the text of the first fault, or "".
template <class Spec>
std::string read_keys(Spec& target, std::string_view kind, std::string_view text,
                      std::span<const key<Spec>> own, std::span<const key<Spec>> more) {
    std::vector<std::string_view> seen;
    while (true) {
        const auto comma = text.find(',');
        const std::string_view item = text.substr(0, comma);
        const auto equals = item.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return quoted(item) + " is not of the form key=value";
        const std::string_view name = item.substr(0, equals);
        const key<Spec>* found = nullptr;
        for (const auto& keys : {own, more})
            for (const auto& k : keys)
                if (k.name == name) found = &k;
        if (found == nullptr)
            return "unknown key " + quoted(name) + "; " + std::string(kind) + " has " +
                   key_names(own, more);
        if (!found->repeatable && std::find(seen.begin(), seen.end(), name) != seen.end())
            return "the key " + quoted(name) + " is given twice";
        seen.push_back(name);
        const std::string wrong = found->read(target, item.substr(equals + 1));
        if (!wrong.empty()) return std::string(item) + " " + wrong;
        if (comma == std::string_view::npos) return {};
        text.remove_prefix(comma + 1);
    }
}

using parsed = std::variant<spec, failure>;

// A specification string, cut at its first colon and commas.
struct pieces {
    std::string_view whole;
    std::string_view kind;
    std::string_view name;
    std::string_view keys;
    bool has_name = false;
    bool has_keys = false;
};

pieces cut(std::string_view text) {
    pieces p;
    p.whole = text;
    const auto comma = text.find(',');
    p.has_keys = comma != std::string_view::npos;
    if (p.has_keys) p.keys = text.substr(comma + 1);
    const std::string_view front = text.substr(0, comma);
    const auto colon = front.find(':');
    p.kind = front.substr(0, colon);
    p.has_name = colon != std::string_view::npos;
    if (p.has_name) p.name = front.substr(colon + 1);
    return p;
}

failure fail(const pieces& p, const std::string& what) {
    return {"backend " + quoted(p.whole) + ": " + what};
}

parsed parse_kernel(const pieces& p) {
    if (p.has_name || p.has_keys)
        return fail(p, "kernel takes neither a name nor keys; write kernel");
    return spec{kernel_spec{}};
}

parsed parse_wire(const pieces& p) {
    wire_spec wire;
    if (p.has_name) {
        if (p.name.empty()) return fail(p, "a segment's name is missing behind the colon");
        // Taken for a name, faults that somebody wants would silently be none.
        if (p.name.find('=') != std::string_view::npos)
            return fail(p, quoted(p.name) +
                               " can't be the name of a segment: keys stand behind a "
                               "comma, as in wire,loss=0.02 or wire:NAME,loss=0.02");
        wire.segment = p.name;
    }
    if (p.has_keys) {
        const std::string wrong =
            read_keys<wire_spec>(wire, "wire", p.keys, wire_keys, shared_keys<wire_spec>);
        if (!wrong.empty()) return fail(p, wrong);
    }
    return spec{wire};
}

// As the kernel's own rule for interface names.
bool is_interface_name(std::string_view name) {
    if (name.empty() || name.size() > 15 || name == "." || name == "..") return false;
    return std::none_of(name.begin(), name.end(), [](char c) {
        return c == '/' || c == ':' || std::isspace(static_cast<unsigned char>(c)) != 0;
    });
}

std::string check_gateway(const xdp_spec& xdp) {
    if (xdp.gateway.is_unspecified()) return {};
    for (const auto& own : xdp.addresses) {
        if (own.address == xdp.gateway)
            return "gw=" + xdp.gateway.to_string() + " is coax's own address";
        if (own.contains(xdp.gateway)) return {};
    }
    return "gw=" + xdp.gateway.to_string() + " is not in the network of any ip=";
}

parsed parse_xdp(const pieces& p) {
    constexpr const char* form = "write xdp:IFACE,ip=A.B.C.D/LEN";
    xdp_spec xdp;
    if (p.name.empty()) return fail(p, std::string("xdp needs an interface: ") + form);
    if (!is_interface_name(p.name))
        return fail(p, quoted(p.name) + " can't be the name of an interface");
    xdp.interface = p.name;
    if (p.has_keys) {
        const std::string wrong =
            read_keys<xdp_spec>(xdp, "xdp", p.keys, xdp_keys, shared_keys<xdp_spec>);
        if (!wrong.empty()) return fail(p, wrong);
    }
    if (xdp.addresses.empty())
        return fail(p, std::string("xdp needs an address that coax shall own: ") + form);
    const std::string wrong = check_gateway(xdp);
    if (!wrong.empty()) return fail(p, wrong);
    return spec{xdp};
}

}  // namespace

parsed parse_spec(std::string_view text) {
    const pieces p = cut(text);
    if (p.kind == "kernel") return parse_kernel(p);
    if (p.kind == "wire") return parse_wire(p);
    if (p.kind == "xdp") return parse_xdp(p);
    constexpr const char* kinds = "kernel, wire, xdp (try `coax backends`)";
    if (p.kind.empty())
        return failure{std::string("the backend specification has no kind: write KIND[:NAME]"
                                   "[,key=value...] with one of ") +
                       kinds};
    return fail(p, "unknown kind " + quoted(p.kind) + "; the kinds are " + kinds);
}

}  // namespace coax::backends
