// One pass with one point of return: the last star.
#include "services/kv/glob.hpp"

#include <utility>

namespace coax::services::kv {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

// A byte of a class, behind a backslash if there is one.
unsigned char take(std::string_view pattern, std::size_t& at) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    return byte_at(pattern, at++);
}

// `at` is behind the bracket, and behind the class afterwards.
bool class_holds(std::string_view pattern, std::size_t& at, unsigned char c) {
    const bool inverted = at < pattern.size() && pattern[at] == '^';
    if (inverted) ++at;
    bool found = false;
    while (at < pattern.size() && pattern[at] != ']') {
        unsigned char first = take(pattern, at);
        unsigned char last = first;
        if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
            ++at;
            last = take(pattern, at);
        }
        if (first > last) std::swap(first, last);
        found = found || (c >= first && c <= last);
    }
    if (at < pattern.size()) ++at;
    return found != inverted;
}

// One element of the pattern that is no star, against one byte; `at` goes behind the element.
bool element_matches(std::string_view pattern, std::size_t& at, unsigned char c) {
    switch (pattern[at]) {
        case '?': ++at; return true;
        case '[': ++at; return class_holds(pattern, at, c);
        default: return take(pattern, at) == c;
    }
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
    constexpr std::size_t none = std::string_view::npos;
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t behind_star = none;
    std::size_t star_ends_at = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            behind_star = ++p;
            star_ends_at = t;
            continue;
        }
        if (p < pattern.size() && element_matches(pattern, p, byte_at(text, t))) {
            ++t;
            continue;
        }
        // The last star takes one byte more. No earlier star need: it could gain nothing by it.
        if (behind_star == none) return false;
        p = behind_star;
        t = ++star_ends_at;
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace coax::services::kv
