// The blocks of a pcapng file, in this machine's byte order, buffered and written whole.

#include "backends/capture/pcapng.hpp"

#include <cassert>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace coax::backends {

namespace {

constexpr std::uint32_t section_header_block = 0x0A0D0D0A;
constexpr std::uint32_t interface_block = 1;
constexpr std::uint32_t enhanced_packet_block = 6;
constexpr std::uint32_t byte_order_magic = 0x1A2B3C4D;
constexpr std::uint16_t link_type_ethernet = 1;
constexpr std::uint16_t option_end = 0;
constexpr std::uint16_t option_user_application = 4;
constexpr std::uint16_t option_interface_name = 2;
constexpr std::uint16_t option_time_resolution = 9;
constexpr std::uint16_t option_packet_flags = 2;
constexpr std::uint8_t nanoseconds = 9;      // 10^-9 s
constexpr std::size_t packet_overhead = 48;  // of a packet block, options and padding included

constexpr std::size_t padding(std::size_t length) noexcept { return (4 - length % 4) % 4; }

}  // namespace

pcapng_writer::~pcapng_writer() {
    if (descriptor_ < 0) return;
    flush();
    ::close(descriptor_);
}

std::error_code pcapng_writer::open(const std::string& path, const std::string& interface_name) {
    assert(descriptor_ < 0);
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) return {errno, std::system_category()};
    buffer_.resize(buffer_bytes);
    put_section_header();
    put_interface(interface_name);
    flush();
    // The headers must be there, or nothing that follows can be read.
    return file_bytes_ != 0 ? std::error_code{} : std::error_code{EIO, std::system_category()};
}

void pcapng_writer::put(const void* bytes, std::size_t count) noexcept {
    if (count == 0) return;
    assert(filled_ + count <= buffer_.size());
    std::memcpy(buffer_.data() + filled_, bytes, count);
    filled_ += count;
}

// Type, length, body, length again; the body keeps to multiples of 4.
template <class Body>
void pcapng_writer::put_block(std::uint32_t type, Body&& body) noexcept {
    const std::size_t start = filled_;
    put32(type);
    put32(0);
    body();
    const auto length = static_cast<std::uint32_t>(filled_ - start + 4);
    put32(length);
    std::memcpy(buffer_.data() + start + 4, &length, sizeof length);
}

void pcapng_writer::put_option(std::uint16_t code, const std::string& text) noexcept {
    constexpr std::size_t longest = 1024;
    const std::size_t length = text.size() < longest ? text.size() : longest;
    put16(code);
    put16(static_cast<std::uint16_t>(length));
    put(text.data(), length);
    put("\0\0\0", padding(length));
}

void pcapng_writer::put_section_header() noexcept {
    put_block(section_header_block, [this] {
        put32(byte_order_magic);
        put16(1);  // version 1.0
        put16(0);
        put32(0xffffffff);  // length of the section: not given
        put32(0xffffffff);
        put_option(option_user_application, "coax");
        put_option(option_end, "");
    });
}

void pcapng_writer::put_interface(const std::string& name) noexcept {
    put_block(interface_block, [this, &name] {
        put16(link_type_ethernet);
        put16(0);
        put32(0);  // no limit on the length of a captured frame
        if (!name.empty()) put_option(option_interface_name, name);
        put_option(option_time_resolution, std::string(1, static_cast<char>(nanoseconds)));
        put_option(option_end, "");
    });
}

void pcapng_writer::write(capture_direction direction, std::uint64_t time,
                          const stack::payload_view& frame) noexcept {
    if (frame.size() + packet_overhead > buffer_.size()) {
        ++lost_;
        return;
    }
    if (filled_ + frame.size() + packet_overhead > buffer_.size()) flush();
    put_block(enhanced_packet_block, [&] {
        const auto length = static_cast<std::uint32_t>(frame.size());
        put32(0);  // interface
        put32(static_cast<std::uint32_t>(time >> 32));
        put32(static_cast<std::uint32_t>(time));
        put32(length);  // captured
        put32(length);  // on the wire
        frame.for_each([this](stack::const_bytes piece) { put(piece.data(), piece.size()); });
        put("\0\0\0", padding(length));
        put16(option_packet_flags);
        put16(4);
        put32(static_cast<std::uint32_t>(direction));
        put_option(option_end, "");
    });
    ++written_;
    ++frames_buffered_;
}

void pcapng_writer::flush() noexcept {
    std::size_t done = 0;
    while (done < filled_) {
        const ssize_t count = ::write(descriptor_, buffer_.data() + done, filled_ - done);
        if (count > 0) {
            done += static_cast<std::size_t>(count);
        } else if (count == 0 || errno != EINTR) {
            break;
        }
    }
    if (done == filled_) {
        file_bytes_ += filled_;
    } else {
        lost_ += frames_buffered_;
        written_ -= frames_buffered_;
        // No half block may stay: what follows would be unreadable. (A pipe can't be cut: then
        // its reader is gone or it is full, and nothing more gets there.)
        const auto whole = static_cast<off_t>(file_bytes_);
        if (::ftruncate(descriptor_, whole) == 0) ::lseek(descriptor_, whole, SEEK_SET);
    }
    filled_ = 0;
    frames_buffered_ = 0;
}

}  // namespace coax::backends
