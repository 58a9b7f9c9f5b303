// AF_XDP's kernel interface as newer kernels have it: what <linux/if_xdp.h> of Linux 6.1 lacks.
// Names are our own, so that newer headers don't clash; the comment names the kernel's and the
// version it came with. Knows nothing of coax.
#pragma once

#include <cstdint>

#include <linux/if_xdp.h>

namespace coax::backends::xsk_uapi {

// sockaddr_xdp::sxdp_flags
inline constexpr std::uint16_t bind_use_sg = 1U << 4;  // XDP_USE_SG, 6.6

// xdp_desc::options
inline constexpr std::uint32_t packet_continued = 1U << 0;   // XDP_PKT_CONTD, 6.6
inline constexpr std::uint32_t transmit_metadata = 1U << 1;  // XDP_TX_METADATA, 6.8

// Socket option of SOL_XDP
inline constexpr int max_transmit_budget = 9;  // XDP_MAX_TX_SKB_BUDGET, 6.17

// umem_registration::flags
inline constexpr std::uint32_t umem_transmit_metadata = 1U << 2;  // XDP_UMEM_TX_METADATA_LEN, 6.11

// struct xdp_umem_reg, 6.8
struct umem_registration {
    std::uint64_t address;
    std::uint64_t length;
    std::uint32_t chunk_size;
    std::uint32_t headroom;
    std::uint32_t flags;
    std::uint32_t transmit_metadata_length;
};

// struct xsk_tx_metadata, 6.8 (launch_time: 6.15); stands right before a frame's first byte.
struct transmit_request {
    std::uint64_t flags;
    std::uint16_t checksum_start;   // offset in the frame where summing starts
    std::uint16_t checksum_offset;  // offset of the field from checksum_start
    std::uint32_t unused;
    std::uint64_t launch_time;
};
static_assert(sizeof(transmit_request) == 24);

// transmit_request::flags
inline constexpr std::uint64_t request_checksum = 1U << 1;  // XDP_TXMD_FLAGS_CHECKSUM, 6.8

}  // namespace coax::backends::xsk_uapi
