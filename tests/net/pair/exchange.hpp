// What all conversations of a pair need: bytes that cannot be mistaken for others, checks that end
// a conversation, and the two halves of a transfer. Knows no protocol and no socket type.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <boost/asio.hpp>
#include <boost/system/error_code.hpp>

namespace pair {

namespace asio = boost::asio;
using asio::use_awaitable;
using boost::system::error_code;

// Throws std::runtime_error(what): the conversation has failed.
inline void expect(bool good, const std::string& what) {
    if (!good) throw std::runtime_error(what);
}
inline void expect_error(const error_code& got, const error_code& wanted, const std::string& what) {
    expect(got == wanted, what + ": '" + got.message() + "' instead of '" + wanted.message() + "'");
}

// `size` bytes without a repetition that a lost, doubled or misplaced piece could hide behind.
inline std::string pattern(std::uint64_t seed, std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t at = 0; at != size; ++at) {
        std::uint64_t x = at / 8 + (seed + 1) * 0x9e37'79b9'7f4a'7c15U;
        x ^= x >> 31;
        x *= 0xbf58'476d'1ce4'e5b9U;
        x ^= x >> 29;
        bytes[at] = static_cast<char>(x >> (at % 8 * 8));
    }
    return bytes;
}

// In three buffers of one write, the first of them a single byte.
template <class Stream>
asio::awaitable<void> send(Stream& to, const std::string& bytes) {
    const std::size_t first = bytes.empty() ? 0 : 1;
    const std::size_t second = (bytes.size() - first) / 3;
    const char* const data = bytes.data();
    const std::array<asio::const_buffer, 3> pieces{
        asio::buffer(data, first), asio::buffer(data + first, second),
        asio::buffer(data + first + second, bytes.size() - first - second)};
    const std::size_t sent = co_await asio::async_write(to, pieces, use_awaitable);
    expect(sent == bytes.size(), "less was sent than was given");
}

// What comes until the stream ends, which must be with `end`.
template <class Stream>
asio::awaitable<std::string> receive_all(Stream& from, error_code end = asio::error::eof) {
    std::string all;
    error_code error;
    co_await asio::async_read(from, asio::dynamic_buffer(all),
                              asio::redirect_error(use_awaitable, error));
    expect_error(error, end, "the stream's end");
    co_return all;
}

template <class Stream>
asio::awaitable<std::string> receive(Stream& from, std::size_t size) {
    std::string bytes(size, '\0');
    co_await asio::async_read(from, asio::buffer(bytes), use_awaitable);
    co_return bytes;
}

// Sends back what comes. Returns with the error that ended it.
template <class Stream>
asio::awaitable<error_code> echo(Stream& peer) {
    std::string piece(50'000, '\0');
    for (;;) {
        error_code error;
        const std::size_t n = co_await peer.async_read_some(
            asio::buffer(piece), asio::redirect_error(use_awaitable, error));
        if (error) co_return error;
        co_await asio::async_write(peer, asio::buffer(piece, n), use_awaitable);
    }
}

// The first nine bytes of a conversation over TCP or TLS: what the client asks for.
struct request {
    char kind = 0;
    std::uint64_t size = 0;
};
inline std::string to_bytes(const request& r) {
    std::string bytes(9, r.kind);
    for (unsigned i = 0; i != 8; ++i) bytes[i + 1] = static_cast<char>(r.size >> (56 - i * 8));
    return bytes;
}
inline request to_request(const std::string& bytes) {
    request r{bytes.at(0), 0};
    for (unsigned i = 0; i != 8; ++i)
        r.size = r.size << 8 | static_cast<unsigned char>(bytes.at(i + 1));
    return r;
}

}  // namespace pair
