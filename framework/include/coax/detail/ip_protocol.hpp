// What coax::tcp and coax::udp are to Asio: a protocol that is one of its own by another name.
#pragma once

#include <sys/socket.h>

namespace coax::detail {

// `Own`: coax's class; `Asio`: the one of boost::asio::ip.
template <class Own, class Asio>
class ip_protocol {
  public:
    static Own v4() noexcept { return Own(Asio::v4()); }
    static Own v6() noexcept { return Own(Asio::v6()); }

    int family() const noexcept { return family_; }
    int type() const noexcept { return Asio::v4().type(); }
    int protocol() const noexcept { return Asio::v4().protocol(); }

    // Both ways (the other one is Own's constructor), as endpoint::protocol() is Asio's.
    operator Asio() const noexcept { return family_ == AF_INET6 ? Asio::v6() : Asio::v4(); }

    friend bool operator==(const Own& a, const Own& b) noexcept { return a.family() == b.family(); }
    friend bool operator!=(const Own& a, const Own& b) noexcept { return !(a == b); }
    friend bool operator==(const Own& a, const Asio& b) noexcept {
        return a.family() == b.family();
    }
    friend bool operator!=(const Own& a, const Asio& b) noexcept { return !(a == b); }
    friend bool operator==(const Asio& a, const Own& b) noexcept { return b == a; }
    friend bool operator!=(const Asio& a, const Own& b) noexcept { return !(b == a); }

  private:
    friend Own;  // alone makes one: nobody takes another protocol's base
    explicit ip_protocol(int family) noexcept : family_(family) {}

    int family_;
};

}  // namespace coax::detail
