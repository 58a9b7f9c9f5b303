// Goes on where it stopped when more bytes have come: no byte is looked at twice.
#include "services/kv/request_parser.hpp"

#include <algorithm>
#include <cstring>

#include "services/kv/number_text.hpp"

namespace coax::services::kv {
namespace {

constexpr std::size_t first_buffer = 4'096;
constexpr std::size_t idle_buffer = 65'536;  // kept between requests, at most
constexpr std::size_t inline_limit = 65'536;
constexpr std::size_t number_limit = 32;  // characters of a length
constexpr std::size_t kept_arguments = 1'024;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

char plain_escape(char c) {
    switch (c) {
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        case 'b': return '\b';
        case 'a': return '\a';
        default: return c;
    }
}

// A word within quotation marks, `at` on the first of them and behind the last afterwards. False:
// it does not end, or something stands right behind it.
bool read_quoted(std::string_view line, std::size_t& at, std::string& word) {
    const char mark = line[at++];
    for (;;) {
        if (at >= line.size()) return false;
        const char c = line[at];
        if (c == mark) {
            ++at;
            return at == line.size() || is_space(line[at]);
        }
        const bool escapes = c == '\\' && at + 1 < line.size();
        if (escapes && mark == '"' && line[at + 1] == 'x' && at + 3 < line.size() &&
            hex_digit(line[at + 2]) >= 0 && hex_digit(line[at + 3]) >= 0) {
            word += static_cast<char>(hex_digit(line[at + 2]) * 16 + hex_digit(line[at + 3]));
            at += 4;
        } else if (escapes && mark == '"') {
            word += plain_escape(line[at + 1]);
            at += 2;
        } else if (escapes && line[at + 1] == '\'') {
            word += '\'';
            at += 2;
        } else {
            word += c;
            ++at;
        }
    }
}

}  // namespace

std::span<char> request_parser::room() {
    if (done_) start_next();
    if (begin_ == end_) {
        begin_ = end_ = 0;
        const std::size_t wanted =
            std::clamp(filled_ ? capacity_ * 2 : capacity_, first_buffer, idle_buffer);
        if (wanted != capacity_) {
            buffer_.reset(new char[wanted]);
            capacity_ = wanted;
        }
    }
    filled_ = false;
    if (end_ < capacity_ && (begin_ == 0 || capacity_ - end_ >= capacity_ / 4))
        return {buffer_.get() + end_, capacity_ - end_};
    const std::size_t held = end_ - begin_;
    if (begin_ > 0 && held <= capacity_ / 2) {
        std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    } else {
        capacity_ = std::max(first_buffer, capacity_ * 2);
        std::unique_ptr<char[]> larger(new char[capacity_]);  // NOLINT(modernize-avoid-c-arrays)
        if (held > 0) std::memcpy(larger.get(), buffer_.get() + begin_, held);
        buffer_ = std::move(larger);
    }
    begin_ = 0;
    end_ = held;
    return {buffer_.get() + end_, capacity_ - end_};
}

std::size_t request_parser::bytes() const noexcept {
    std::size_t words = inline_words_.capacity() * sizeof(std::string);
    for (const std::string& word : inline_words_) words += word.capacity();
    return capacity_ + pieces_.capacity() * sizeof(piece) +
           arguments_.capacity() * sizeof(std::string_view) + words;
}

void request_parser::start_next() noexcept {
    begin_ += at_;
    at_ = 0;
    done_ = false;
    arguments_.clear();
    pieces_.clear();
    inline_words_.clear();
    if (pieces_.capacity() > kept_arguments) std::vector<piece>().swap(pieces_);
    if (arguments_.capacity() > kept_arguments) std::vector<std::string_view>().swap(arguments_);
    if (inline_words_.capacity() > kept_arguments) std::vector<std::string>().swap(inline_words_);
}

request_parser::outcome request_parser::break_off(std::string_view why) {
    problem_ = "ERR Protocol error: ";
    problem_ += why;
    return outcome::broken;
}

request_parser::outcome request_parser::next() {
    if (!problem_.empty()) return outcome::broken;
    if (done_) start_next();
    for (;;) {
        if (missing_ > 0) return parse_bulk();
        const std::string_view text = pending();
        if (text.empty()) return outcome::incomplete;
        const outcome o = text.front() == '*' ? parse_array() : parse_inline();
        // A request without arguments is none; the next one may have come already.
        if (o != outcome::request) return o;
        if (missing_ > 0) continue;
        if (!arguments_.empty()) return o;
        start_next();
    }
}

request_parser::line_outcome request_parser::read_number(std::int64_t& number) {
    const std::string_view rest = pending().substr(at_);
    const std::size_t end = rest.substr(0, number_limit).find('\r');
    if (end == std::string_view::npos)
        return rest.size() >= number_limit ? line_outcome::broken : line_outcome::incomplete;
    if (rest.size() < end + 2) return line_outcome::incomplete;
    const auto value = parse_integer(rest.substr(1, end - 1));
    if (rest[end + 1] != '\n' || !value) return line_outcome::broken;
    number = *value;
    at_ += end + 2;
    return line_outcome::whole;
}

request_parser::outcome request_parser::parse_array() {
    std::int64_t count = 0;
    switch (read_number(count)) {
        case line_outcome::incomplete: return outcome::incomplete;
        case line_outcome::broken: return break_off("invalid multibulk length");
        case line_outcome::whole: break;
    }
    if (count > static_cast<std::int64_t>(limits_.arguments))
        return break_off("invalid multibulk length");
    missing_ = std::max<std::int64_t>(count, 0);
    return outcome::request;
}

request_parser::outcome request_parser::parse_bulk() {
    while (missing_ > 0) {
        const std::string_view text = pending();
        if (bulk_size_ < 0) {
            if (at_ >= text.size()) return outcome::incomplete;
            if (text[at_] != '$') {
                const unsigned char c = static_cast<unsigned char>(text[at_]);
                const bool shown = c >= 0x20 && c < 0x7f;
                return break_off(std::string("expected '$', got '") + (shown ? text[at_] : '?') +
                                 "'");
            }
            std::int64_t size = 0;
            const line_outcome read = read_number(size);
            if (read == line_outcome::incomplete) return outcome::incomplete;
            if (read == line_outcome::broken || size < 0 ||
                size > static_cast<std::int64_t>(limits_.bulk) ||
                at_ + static_cast<std::size_t>(size) > limits_.request)
                return break_off("invalid bulk length");
            bulk_size_ = size;
        }
        const auto size = static_cast<std::size_t>(bulk_size_);
        if (text.size() < at_ + size + 2) return outcome::incomplete;
        if (text.substr(at_ + size, 2) != "\r\n") return break_off("expected CRLF behind a string");
        pieces_.push_back({at_, size});
        at_ += size + 2;
        bulk_size_ = -1;
        --missing_;
    }
    return complete();
}

request_parser::outcome request_parser::complete() {
    const std::string_view text = pending();
    arguments_.reserve(pieces_.size());
    for (const piece& p : pieces_) arguments_.push_back(text.substr(p.offset, p.size));
    done_ = true;
    return outcome::request;
}

request_parser::outcome request_parser::parse_inline() {
    const std::string_view text = pending();
    const std::size_t end = text.find('\n', at_);
    if (end == std::string_view::npos) {
        at_ = text.size();
        return at_ > inline_limit ? break_off("too big inline request") : outcome::incomplete;
    }
    if (end > inline_limit) return break_off("too big inline request");
    at_ = end + 1;
    if (!split_inline(text.substr(0, end))) return break_off("unbalanced quotes in request");
    arguments_.assign(inline_words_.begin(), inline_words_.end());
    done_ = true;
    return outcome::request;
}

bool request_parser::split_inline(std::string_view line) {
    std::size_t at = 0;
    for (;;) {
        while (at < line.size() && is_space(line[at])) ++at;
        if (at == line.size()) return true;
        std::string word;
        while (at < line.size() && !is_space(line[at])) {
            if (line[at] != '"' && line[at] != '\'') {
                word += line[at++];
            } else if (!read_quoted(line, at, word)) {
                return false;
            }
        }
        inline_words_.push_back(std::move(word));
    }
}

}  // namespace coax::services::kv
