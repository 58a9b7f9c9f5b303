// A capture around a whole backend: for `capture=FILE` in a specification. Knows nothing of the
// medium inside.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "backends/driver.hpp"

namespace coax::backends {

// `inner`, with every frame of both directions written to the pcapng file `path` as the stack sees
// it (so outside of faults). The file is made anew. Fails with one line when it can't be.
// Returns `inner` itself when `path` is empty.
std::variant<std::unique_ptr<driver>, failure> add_capture(std::unique_ptr<driver> inner,
                                                           const std::string& path);

}  // namespace coax::backends
