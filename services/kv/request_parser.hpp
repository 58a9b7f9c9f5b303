// Requests out of a stream of bytes: arrays of bulk strings (RESP2 and RESP3 are the same in this
// direction) and inline commands. Owns the buffer that the bytes are read into; knows no socket and
// no command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coax::services::kv {

struct request_limits {
    std::size_t bulk = std::size_t{512} << 20;     // bytes of one argument
    std::size_t request = std::size_t{513} << 20;  // bytes of a request as it is sent
    std::size_t arguments = std::size_t{1} << 20;  // of a request
};

class request_parser {
  public:
    enum class outcome {
        incomplete,  // more bytes are needed
        request,     // arguments() holds one: never empty
        broken,      // problem() tells; nothing behind it can be understood
    };

    explicit request_parser(request_limits limits = {}) : limits_(limits) {}

    // Where the next bytes go; never empty. Ends the life of arguments().
    std::span<char> room();
    // So many bytes were put there.
    void commit(std::size_t n) noexcept {
        end_ += n;
        filled_ = end_ == capacity_;
    }
    // Memory that is held: the buffer grows with what has come, never with what was announced.
    std::size_t bytes() const noexcept;

    outcome next();
    // Of the last request; valid until room() or next().
    std::span<const std::string_view> arguments() const noexcept { return arguments_; }
    // In the words of Redis, "ERR Protocol error: ...".
    const std::string& problem() const noexcept { return problem_; }

  private:
    struct piece {
        std::size_t offset;  // from begin_
        std::size_t size;
    };
    enum class line_outcome { incomplete, whole, broken };

    outcome parse_array();
    outcome parse_bulk();
    outcome parse_inline();
    outcome break_off(std::string_view why);
    outcome complete();
    // A line of a marker and a number at at_; goes behind it.
    line_outcome read_number(std::int64_t& number);
    bool split_inline(std::string_view line);
    std::string_view pending() const { return {buffer_.get() + begin_, end_ - begin_}; }
    void start_next() noexcept;

    request_limits limits_;
    std::unique_ptr<char[]> buffer_;  // NOLINT(modernize-avoid-c-arrays): bytes without zeroing
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;        // of the request that is being read
    std::size_t end_ = 0;          // of what has come
    std::size_t at_ = 0;           // how far it has been understood, from begin_
    std::int64_t missing_ = 0;     // arguments that are still to come; 0: no array has begun
    std::int64_t bulk_size_ = -1;  // of the argument that is coming; -1: not known yet
    std::vector<piece> pieces_;
    std::vector<std::string_view> arguments_;
    std::vector<std::string> inline_words_;
    std::string problem_;
    bool filled_ = false;  // the last room was too small, perhaps
    bool done_ = false;    // arguments_ is a request; the next one begins behind at_
};

}  // namespace coax::services::kv
