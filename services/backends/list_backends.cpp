// Prints one line per backend, with the reason for each that is missing.
#include "services/backends/list_backends.hpp"

#include <fmt/format.h>

#include <coax/coax.hpp>

namespace coax::services {

exit_status list_backends() {
    for (const coax::backend_availability& b : coax::available_backends()) {
        if (b.available) fmt::print("{:<8} yes  {}\n", b.kind, b.example);
        else fmt::print("{:<8} no   {} (then: {})\n", b.kind, b.reason, b.example);
    }
    return exit_status::success;
}

}  // namespace coax::services
