// Which backends there are here, and opening one: the only file that knows all of them.
#include "backends/xdp/open.hpp"

#include <cerrno>
#include <cstring>

#include "backends/capture/driver.hpp"
#include "backends/faults/driver.hpp"
#include "backends/ring.hpp"
#include "backends/spec.hpp"
#include "backends/wire/wire.hpp"

namespace coax::backends {

namespace {

using opened = std::variant<std::unique_ptr<driver>, failure>;

// Every context sleeps in io_uring, whatever its backend.
std::string ring_obstacle() {
    ring probe;
    const std::error_code error = probe.open(8);
    if (!error) return {};
    switch (error.value()) {
        case ENOSYS: return "this kernel has no io_uring (CONFIG_IO_URING)";
        case EPERM:
            return "io_uring is forbidden here: sysctl kernel.io_uring_disabled=0 allows it, a "
                   "container may need its seccomp profile changed";
        default: return "can't open an io_uring: " + error.message();
    }
}

opened wrapped(opened inner, const fault_options& faults, const std::string& capture) {
    if (std::holds_alternative<failure>(inner)) return inner;
    auto moving = std::move(std::get<std::unique_ptr<driver>>(inner));
    // The capture outside: it shows what the stack sees.
    return add_capture(add_faults(std::move(moving), faults), capture);
}

struct opener {
    opened operator()(const kernel_spec&) const {
        return failure{"the backend kernel moves no frames"};
    }
    opened operator()(const wire_spec& what) const {
        return wrapped(open_wire(what), what.faults, what.capture);
    }
    opened operator()(const xdp_spec& what) const {
        return wrapped(open_xdp(what), what.faults, what.capture);
    }
};

}  // namespace

opened open_driver(const spec& what) { return std::visit(opener{}, what); }

std::vector<availability> available_backends() {
    const std::string ring = ring_obstacle();
    const auto make = [&ring](const char* kind, std::string obstacle, const char* example) {
        availability a{kind, false, ring, example};
        if (a.reason.empty()) a.reason = std::move(obstacle);
        a.available = a.reason.empty();
        return a;
    };
    return {make("kernel", {}, "kernel"), make("wire", {}, "wire"),
            make("xdp", xdp_obstacle(), "xdp:eth0,ip=198.18.0.2/24")};
}

}  // namespace coax::backends
