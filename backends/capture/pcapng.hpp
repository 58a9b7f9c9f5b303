// Writes a pcapng file (draft-ietf-opsawg-pcapng): one section, one Ethernet interface, nanosecond
// stamps, each packet with its direction. Knows nothing of devices; time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "stack/base/payload.hpp"

namespace coax::backends {

enum class capture_direction : std::uint8_t { inbound = 1, outbound = 2 };  // of epb_flags

class pcapng_writer {
  public:
    static constexpr std::size_t buffer_bytes = std::size_t{1} << 18;

    pcapng_writer() = default;
    ~pcapng_writer();  // flushes
    pcapng_writer(const pcapng_writer&) = delete;
    pcapng_writer& operator=(const pcapng_writer&) = delete;

    // Makes the file anew and writes the headers. Once.
    std::error_code open(const std::string& path, const std::string& interface_name);

    // `time`: nanoseconds since 1970. A frame that does not reach the file is counted, no more:
    // the file stays well-formed, and later frames are written again when that has become possible.
    void write(capture_direction direction, std::uint64_t time,
               const stack::payload_view& frame) noexcept;
    void flush() noexcept;

    std::uint64_t written() const noexcept { return written_; }  // frames, in the file or buffer
    std::uint64_t lost() const noexcept { return lost_; }        // frames, by errors of write(2)

  private:
    void put16(std::uint16_t value) noexcept { put(&value, sizeof value); }
    void put32(std::uint32_t value) noexcept { put(&value, sizeof value); }
    void put(const void* bytes, std::size_t count) noexcept;
    void put_option(std::uint16_t code, const std::string& text) noexcept;
    void put_section_header() noexcept;
    void put_interface(const std::string& name) noexcept;
    template <class Body>
    void put_block(std::uint32_t type, Body&& body) noexcept;

    int descriptor_ = -1;
    std::vector<std::byte> buffer_;      // buffer_bytes once open
    std::size_t filled_ = 0;             // of it
    std::uint64_t frames_buffered_ = 0;  // whole blocks in it
    std::uint64_t file_bytes_ = 0;       // whole blocks in the file
    std::uint64_t written_ = 0;
    std::uint64_t lost_ = 0;
};

}  // namespace coax::backends
