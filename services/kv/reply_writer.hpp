// Replies as RESP2 or RESP3 bytes, appended to a string. What RESP2 does not have is written as
// RESP2 clients know it: maps and sets as arrays, null as a bulk string that is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coax::services::kv {

class reply_writer {
  public:
    // Writes to `out` while that is not longer than `limit`; then nothing more, and says so.
    reply_writer(std::string& out, int protocol, std::size_t limit) noexcept
        : out_(out), protocol_(protocol), limit_(limit) {}

    int protocol() const noexcept { return protocol_; }
    void protocol(int version) noexcept { protocol_ = version; }
    // Something was left out: what stands in `out` is not to be sent whole.
    bool overflowed() const noexcept { return overflowed_; }

    void ok() { simple("OK"); }
    void simple(std::string_view text) { line('+', text); }
    // "ERR what is wrong"; line ends within become spaces.
    void error(std::string_view text);
    void integer(std::int64_t value);
    void bulk(std::string_view text);
    // Text for people: verbatim in RESP3.
    void verbatim(std::string_view text);
    void real(double value);
    void null() { raw(protocol_ >= 3 ? "_\r\n" : "$-1\r\n"); }
    void null_array() { raw(protocol_ >= 3 ? "_\r\n" : "*-1\r\n"); }
    // What begins here has so many elements (map: pairs), written next.
    void array(std::size_t count) { header('*', count); }
    void map(std::size_t pairs) { protocol_ >= 3 ? header('%', pairs) : header('*', pairs * 2); }
    void set(std::size_t count) { header(protocol_ >= 3 ? '~' : '*', count); }
    void push(std::size_t count) { header(protocol_ >= 3 ? '>' : '*', count); }

    // How much was written; take_back() removes all behind it, to say something else instead.
    std::size_t mark() const noexcept { return out_.size(); }
    void take_back(std::size_t mark) { out_.resize(mark); }

  private:
    void raw(std::string_view text) { append(text, {}, {}); }
    void line(char kind, std::string_view text) { append({&kind, 1}, text, "\r\n"); }
    void header(char kind, std::size_t count);
    void append(std::string_view a, std::string_view b, std::string_view c);

    std::string& out_;
    int protocol_;
    std::size_t limit_;
    bool overflowed_ = false;
};

}  // namespace coax::services::kv
