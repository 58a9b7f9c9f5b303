// Why AF_XDP can't be used here: asks the kernel and looks at the capabilities of this process.
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "backends/xdp/open.hpp"

namespace coax::backends {

namespace {

// The effective capabilities of this thread as a bit set; all of them if the kernel does not say.
std::uint64_t effective_capabilities() {
    __user_cap_header_struct header{};
    header.version = _LINUX_CAPABILITY_VERSION_3;
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, data) != 0) return ~std::uint64_t{0};
    return std::uint64_t{data[1].effective} << 32 | data[0].effective;
}

std::string missing_capabilities() {
    const std::uint64_t held = effective_capabilities();
    const auto has = [held](unsigned capability) { return (held >> capability & 1) != 0; };
    std::string missing;
    const auto need = [&missing](bool there, const char* name) {
        if (!there) missing.append(missing.empty() ? "" : ", ").append(name);
    };
    need(has(CAP_NET_RAW), "CAP_NET_RAW");
    need(has(CAP_NET_ADMIN), "CAP_NET_ADMIN");
    need(has(CAP_BPF) || has(CAP_SYS_ADMIN), "CAP_BPF");
    return missing;
}

}  // namespace

std::string xdp_obstacle() {
    const std::string missing = missing_capabilities();
    if (!missing.empty())
        return "xdp needs the privilege " + missing +
               ": run as root, or give it to the program with setcap";
    const int descriptor = ::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        if (errno == EAFNOSUPPORT) return "this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS)";
        return std::string("can't open an AF_XDP socket: ") + std::strerror(errno);
    }
    close(descriptor);
    if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, nullptr) != 1)
        return "the kernel does not let this process load XDP programs (BPF is missing or "
               "forbidden here, as in many containers)";
    return {};
}

}  // namespace coax::backends
