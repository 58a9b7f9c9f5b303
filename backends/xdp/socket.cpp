// Opens, binds and closes AF_XDP sockets by their raw kernel interface. Knows no packet.
#include "backends/xdp/socket.hpp"

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/xdp/retry.hpp"

namespace coax::backends {

namespace {

std::string reason(int error) { return std::string(std::strerror(error)); }

}  // namespace

xsk_socket::owned_descriptor& xsk_socket::owned_descriptor::operator=(
    owned_descriptor&& other) noexcept {
    std::swap(value, other.value);
    return *this;
}

xsk_socket::owned_descriptor::~owned_descriptor() {
    if (value >= 0) close(value);
}

int xsk_socket::set_option(int name, const void* data, std::size_t size) noexcept {
    return setsockopt(descriptor_.value, SOL_XDP, name, data, static_cast<socklen_t>(size)) == 0
               ? 0
               : errno;
}

std::variant<xsk_socket, failure> xsk_socket::open(const socket_options& options) {
    xsk_socket s;
    s.descriptor_ = owned_descriptor{::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)};
    if (s.descriptor_.value < 0) {
        if (errno == EAFNOSUPPORT)
            return failure{
                "this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): use backend "
                "kernel"};
        return failure{"can't open an AF_XDP socket: " + reason(errno) +
                       (errno == EPERM ? " (CAP_NET_RAW is missing: run as root)" : "")};
    }
    std::string wrong = s.register_frames(options);
    if (wrong.empty()) wrong = s.make_rings(options);
    if (!wrong.empty()) return failure{wrong};
    return s;
}

std::string xsk_socket::register_frames(const socket_options& options) {
    const std::size_t length = std::size_t{options.chunks} * chunk_bytes;
    frames_ = mapping::anonymous(length);
    if (!frames_)
        return "no memory for " + std::to_string(options.chunks) +
               " frames of 4096 bytes: give a smaller frames=";
    xsk_uapi::umem_registration wanted{};
    wanted.address = reinterpret_cast<std::uintptr_t>(frames_.data());
    wanted.length = length;
    wanted.chunk_size = chunk_bytes;
    int error = EINVAL;
    if (options.transmit_checksum) {
        wanted.flags = xsk_uapi::umem_transmit_metadata;
        wanted.transmit_metadata_length = sizeof(xsk_uapi::transmit_request);
        error = set_option(XDP_UMEM_REG, &wanted, sizeof wanted);
        rings_.metadata = error == 0;
    }
    // Kernels before 6.11 refuse the flag: checksums are then summed by the stack.
    if (error == EINVAL) {
        wanted.flags = 0;
        wanted.transmit_metadata_length = 0;
        error = set_option(XDP_UMEM_REG, &wanted, sizeof wanted);
    }
    if (error == 0) return {};
    if (error == ENOBUFS || error == ENOMEM)
        return "the kernel does not let " + std::to_string(length >> 20) +
               " MiB of frames be locked in memory: raise the limit (ulimit -l), give "
               "CAP_IPC_LOCK, or a smaller frames=";
    return "the kernel refuses the frame memory: " + reason(error);
}

template <class Entry>
bool xsk_socket::map_ring(mapping& target, ring_memory<Entry>& memory,
                          const xdp_ring_offset& offsets, std::uint64_t page_offset,
                          std::uint32_t entries) {
    const std::size_t length = offsets.desc + entries * sizeof(Entry);
    void* address = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                         descriptor_.value, static_cast<off_t>(page_offset));
    if (address == MAP_FAILED) return false;
    // A child of fork() must not hold the queue.
    madvise(address, length, MADV_DONTFORK);
    target = mapping(address, length);
    auto at = [&](std::uint64_t offset) { return target.data() + offset; };
    memory.producer = reinterpret_cast<std::uint32_t*>(at(offsets.producer));
    memory.consumer = reinterpret_cast<std::uint32_t*>(at(offsets.consumer));
    memory.flags = reinterpret_cast<std::uint32_t*>(at(offsets.flags));
    memory.entries = reinterpret_cast<Entry*>(at(offsets.desc));
    memory.size = entries;
    return true;
}

std::string xsk_socket::make_rings(const socket_options& options) {
    // Every frame has its place in the fill and completion ring: neither can ever be full.
    const std::uint32_t fill_entries = std::bit_ceil(options.receive_chunks);
    const std::uint32_t entries = options.ring_entries;
    const std::pair<int, std::uint32_t> rings[] = {{XDP_UMEM_FILL_RING, fill_entries},
                                                   {XDP_UMEM_COMPLETION_RING, entries},
                                                   {XDP_RX_RING, entries},
                                                   {XDP_TX_RING, entries}};
    for (const auto& [option, size] : rings)
        if (const int error = set_option(option, &size, sizeof size); error != 0)
            return "the kernel refuses a ring of " + std::to_string(size) +
                   " descriptors: " + reason(error);
    xdp_mmap_offsets offsets{};
    socklen_t length = sizeof offsets;
    if (getsockopt(descriptor_.value, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) != 0 ||
        length != sizeof offsets)
        return "this kernel's AF_XDP is older than 5.4, which coax needs at least";
    ring_memory<std::uint64_t> fill_memory;
    ring_memory<std::uint64_t> completion_memory;
    ring_memory<xdp_desc> receive_memory;
    ring_memory<xdp_desc> transmit_memory;
    const bool mapped =
        map_ring(ring_mappings_[0], fill_memory, offsets.fr, XDP_UMEM_PGOFF_FILL_RING,
                 fill_entries) &&
        map_ring(ring_mappings_[1], completion_memory, offsets.cr, XDP_UMEM_PGOFF_COMPLETION_RING,
                 entries) &&
        map_ring(ring_mappings_[2], receive_memory, offsets.rx, XDP_PGOFF_RX_RING, entries) &&
        map_ring(ring_mappings_[3], transmit_memory, offsets.tx, XDP_PGOFF_TX_RING, entries);
    if (!mapped) return "can't map the rings of the AF_XDP socket: " + reason(errno);
    rings_.fill = producer_ring<std::uint64_t>(fill_memory);
    rings_.completion = consumer_ring<std::uint64_t>(completion_memory);
    rings_.receive = consumer_ring<xdp_desc>(receive_memory);
    rings_.transmit = producer_ring<xdp_desc>(transmit_memory);
    rings_.frames = frames_.data();
    // Before 6.17: unknown, and one call sends at most 32 frames; the waker then calls again.
    const std::uint32_t budget = entries;
    set_option(xsk_uapi::max_transmit_budget, &budget, sizeof budget);
    return {};
}

std::string xsk_socket::bind(const socket_options& options) {
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_ifindex = options.interface_index;
    address.sxdp_queue_id = options.queue;
    // Copy mode is asked for: what drivers do in zero-copy mode is not known from here.
    const std::uint16_t flags = XDP_COPY | XDP_USE_NEED_WAKEUP;
    const auto try_bind = [&](std::uint16_t with) {
        address.sxdp_flags = with;
        return ::bind(descriptor_.value, reinterpret_cast<const sockaddr*>(&address),
                      sizeof address) == 0
                   ? 0
                   : errno;
    };
    // EBUSY: the queue of a process that was just killed is set free by deferred work.
    int error = retry_while_busy([&] { return try_bind(flags | xsk_uapi::bind_use_sg); });
    has_multi_buffer_ = error == 0;
    if (error == EINVAL && !options.multi_buffer_needed)  // before 6.6
        error = retry_while_busy([&] { return try_bind(flags); });
    const std::string queue = "queue " + std::to_string(options.queue) + " of " + options.interface;
    switch (error) {
        case 0: return {};
        case EBUSY:
            return queue +
                   " is in use by another AF_XDP socket: end the other program, or take "
                   "another queue with queue=";
        case ENODEV:
        case ENXIO: return "interface " + options.interface + " was removed";
        case ENETDOWN:
            return "interface " + options.interface + " is down: ip link set " + options.interface +
                   " up";
        case EINVAL:
            if (options.multi_buffer_needed)
                return "this kernel can't bind " + queue +
                       " with packets larger than one frame (Linux 6.6 can): lower the MTU to "
                       "3800 or less";
            return "can't bind to " + queue +
                   ": the interface has no such queue, or the kernel "
                   "is too old for AF_XDP";
        default: return "can't bind to " + queue + ": " + reason(error);
    }
}

bool xsk_socket::is_zero_copy() const noexcept {
    xdp_options options{};
    socklen_t length = sizeof options;
    return getsockopt(descriptor_.value, SOL_XDP, XDP_OPTIONS, &options, &length) == 0 &&
           (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
}

std::vector<counter> xsk_socket::counters() const {
    xdp_statistics s{};
    socklen_t length = sizeof s;
    if (getsockopt(descriptor_.value, SOL_XDP, XDP_STATISTICS, &s, &length) != 0) return {};
    return {{"xdp.kernel_rx_dropped", s.rx_dropped},
            {"xdp.kernel_rx_ring_full", s.rx_ring_full},
            {"xdp.kernel_rx_fill_ring_empty", s.rx_fill_ring_empty_descs},
            {"xdp.kernel_rx_invalid_descriptors", s.rx_invalid_descs},
            {"xdp.kernel_tx_invalid_descriptors", s.tx_invalid_descs}};
}

}  // namespace coax::backends
