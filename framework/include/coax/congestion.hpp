// The socket option that chooses a congestion control, in the form that set_option() and
// get_option() take. An acceptor's is that of the sockets it accepts.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace coax {

// The longest name of a congestion control with its end, as the kernel's TCP_CA_NAME_MAX.
inline constexpr std::size_t congestion_name_size = 16;

// The congestion control, by name. On coax's stack "cubic", "newreno" ("reno" is the same) and
// "bbr", which paces the connection; without memory for that a connection begins with NewReno. On
// the kernel what net.ipv4.tcp_available_congestion_control lists (option TCP_CONGESTION), where
// NewReno is "reno". May be changed at any time. Unknown name: errc::no_such_file_or_directory;
// no memory: errc::no_buffer_space; kernel only: errc::operation_not_permitted for one that needs a
// privilege.
//
//     socket.set_option(coax::tcp::congestion("cubic"));
//     coax::tcp::congestion now;
//     socket.get_option(now);  // now.name()
class congestion {
  public:
    congestion() = default;
    // Throws std::length_error: more than 15 characters.
    explicit congestion(std::string_view name) {
        if (name.size() >= name_.size())
            throw std::length_error("coax::congestion: the name is too long");
        std::copy(name.begin(), name.end(), name_.begin());
    }
    std::string_view name() const noexcept {
        return {name_.data(), strnlen(name_.data(), name_.size())};
    }

    // --- for the socket
    template <class Protocol>
    int level(const Protocol&) const noexcept {
        return IPPROTO_TCP;
    }
    template <class Protocol>
    int name(const Protocol&) const noexcept {
        return TCP_CONGESTION;
    }
    template <class Protocol>
    char* data(const Protocol&) noexcept {
        return name_.data();
    }
    template <class Protocol>
    const char* data(const Protocol&) const noexcept {
        return name_.data();
    }
    template <class Protocol>
    std::size_t size(const Protocol&) const noexcept {
        return name_.size();
    }
    template <class Protocol>
    void resize(const Protocol&, std::size_t size) {
        if (size > name_.size()) throw std::length_error("coax::congestion: the name is too long");
        std::fill(name_.begin() + static_cast<std::ptrdiff_t>(size), name_.end(), '\0');
    }

  private:
    std::array<char, congestion_name_size> name_{};
};

}  // namespace coax
