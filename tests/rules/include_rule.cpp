// The include rule as tables: for each area its own and foreign headers, and for the stack the
// order of its layers. Knows names of headers, not what they contain.

#include "tests/rules/include_rule.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace coax::rules {
namespace {

using prefixes = std::vector<std::string_view>;

struct area_rule {
    std::string_view area;  // the first folder of the path
    prefixes quoted;        // "..." from the root of the tree
    prefixes angled;        // <...> besides the standard library
    bool system = false;    // POSIX and Linux headers
};

// stack: no exception, clock, thread or stream either; see standard_refused.
const std::array<area_rule, 4> area_rules{{
    {"stack",
     {"stack/"},
     {"boost/intrusive/", "boost/unordered/", "boost/container/", "boost/container_hash/",
      "boost/assert", "boost/config", "boost/core/", "boost/heap/", "emmintrin.h", "immintrin.h"},
     false},
    {"backends",
     {"backends/", "stack/device.hpp", "stack/base/"},
     {"liburing", "bpf/", "xdp/"},
     true},
    {"framework",
     {"framework/", "backends/", "stack/"},
     {"coax/", "boost/asio", "boost/system/", "boost/assert", "boost/config", "boost/container/",
      "boost/intrusive/", "boost/unordered/", "boost/core/", "boost/throw_exception", "fmt/",
      "boost/beast/core/role.hpp"},  // an enumeration, for coax/beast.hpp
     true},
    {"services",
     {"services/"},
     {"coax/", "boost/asio", "boost/beast", "boost/system/", "CLI/", "openssl/", "fmt/",
      "nlohmann/"},
     true},
}};

// The stack is sans-IO: no clock (durations of <chrono> are values), thread, atomic, coroutine,
// stream, file.
const std::set<std::string_view> standard_refused{
    "atomic",     "barrier",      "condition_variable",
    "coroutine",  "csignal",      "ctime",
    "filesystem", "fstream",      "future",
    "iostream",   "istream",      "latch",
    "mutex",      "ostream",      "random",
    "semaphore",  "shared_mutex", "sstream",
    "stdexcept",  "stop_token",   "syncstream",
    "thread"};

bool starts_with_one_of(std::string_view name, const prefixes& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool is_standard(std::string_view name) {
    return name.find_first_of("/.") == std::string_view::npos;
}

bool is_system(std::string_view name) {
    static const prefixes folders{"linux/", "sys/", "net/",      "netinet/",
                                  "arpa/",  "asm/", "sanitizer/"};
    return name.ends_with(".h") &&
           (starts_with_one_of(name, folders) || name.find('/') == std::string_view::npos);
}

// The layers of the stack, lowest first. Equal rank and another name: strangers to each other.
struct layer {
    std::string_view name;
    int rank = 0;
};

std::optional<layer> layer_of(std::string_view path) {
    path.remove_prefix(std::string_view("stack/").size());
    if (const std::size_t slash = path.find('/'); slash != std::string_view::npos) {
        const std::string_view folder = path.substr(0, slash);
        if (folder == "base") return layer{"base", 0};
        if (folder == "wire") return layer{"wire", 1};
        for (const std::string_view protocol : {"ethernet", "ip", "udp", "tcp"}) {
            if (folder == protocol) return layer{protocol, 2};
        }
        if (folder == "ingress" || folder == "egress") return layer{"the joining files", 3};
        return std::nullopt;
    }
    // What every layer is given: limits, and the device's frames.
    if (path == "config.hpp" || path.starts_with("device.")) return layer{"config and device", 1};
    if (path == "stack.hpp") return layer{"stack.hpp", 4};
    return layer{"the joining files", 3};
}

std::string check_layers(const source_text& text, const include_line& line) {
    const auto from = layer_of(text.path);
    const auto to = layer_of(line.name);
    if (!from) return "this folder of stack/ has no rank in tests/rules/include_rule.cpp";
    if (!to) return "names a folder of stack/ without rank: " + line.name;
    // stack.hpp is the face; its own sources stand among the joining files and see it.
    if (from->rank == 3 && to->rank == 4) return "";
    if (to->rank > from->rank || (to->rank == from->rank && to->name != from->name)) {
        return std::string(from->name) + " may not include " + std::string(to->name) + ": " +
               line.name;
    }
    return "";
}

std::string check_angled(const area_rule& rule, const include_line& line) {
    if (is_standard(line.name)) {
        if (rule.area == "stack" && standard_refused.contains(line.name)) {
            return "stack/ is sans-IO: no <" + line.name + ">";
        }
        return "";
    }
    if (starts_with_one_of(line.name, rule.angled) || (rule.system && is_system(line.name))) {
        return "";
    }
    return std::string(rule.area) + "/ may not include <" + line.name + ">";
}

std::string check_quoted(const area_rule* rule, const source_text& text, const include_line& line,
                         const std::set<std::string>& tree) {
    const bool generated = line.name.ends_with(".skel.h");
    if (!generated && !tree.contains(line.name)) {
        return "no such file from the root of the tree: \"" + line.name + "\"";
    }
    if (rule == nullptr) return "";
    if (!starts_with_one_of(line.name, rule->quoted)) {
        return std::string(rule->area) + "/ may not include \"" + line.name + "\"";
    }
    return rule->area == "stack" ? check_layers(text, line) : "";
}

}  // namespace

std::vector<finding> check_includes(const source_text& text, const std::set<std::string>& tree) {
    const std::string_view path = text.path;
    const std::string_view area = path.substr(0, path.find('/'));
    const auto place = std::find_if(area_rules.begin(), area_rules.end(),
                                    [&](const area_rule& rule) { return rule.area == area; });
    const area_rule* rule = place == area_rules.end() ? nullptr : &*place;
    const bool foreign_source = path.ends_with("_source.cpp") || path.ends_with(".bpf.c");
    std::vector<finding> found;
    for (const include_line& line : text.includes) {
        std::string what;
        if (!line.angled) {
            what = check_quoted(rule, text, line, tree);
        } else if (rule != nullptr && !foreign_source) {
            what = check_angled(*rule, line);
        }
        if (!what.empty()) found.push_back({"include", text.path, line.line, what});
    }
    return found;
}

}  // namespace coax::rules
