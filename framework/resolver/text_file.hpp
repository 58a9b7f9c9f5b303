// A small configuration file that may change while the program runs: /etc/hosts, /etc/resolv.conf.
// Looked at with one stat(2) per use, and read when it is another one. Local files alone: reading
// one does not wait for the network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace coax::detail::dns {

class text_file {
  public:
    explicit text_file(std::string path) : path_(std::move(path)) {}

    // True if it must be read: at first, and when it has changed since the last call.
    bool has_changed();
    // At most 8 MiB of it, whole lines; "" if there is none.
    std::string read() const;

  private:
    // device, inode, bytes, time of change in nanoseconds; all zero: no file
    using identity = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;

    std::string path_;
    identity known_{};
    bool looked_ = false;
};

// Cuts the next word off a line of such a file; "" at its end, or before a comment.
std::string_view next_word(std::string_view& line);
// Cuts the next line off a text.
std::string_view next_line(std::string_view& text);

}  // namespace coax::detail::dns
