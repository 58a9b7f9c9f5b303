// From the specification string to the transport of a context.
#pragma once

#include <memory>
#include <vector>

#include <coax/backend.hpp>

#include "framework/shard_place.hpp"
#include "framework/transport/transport.hpp"

namespace coax::detail {

class engine;

// Throws backend_error with one line that says what is wrong and what to do. With a place in a
// group of shards the medium is there already, and moves out of it.
std::unique_ptr<transport> open_transport(engine& where, const context_options& options,
                                          shard_place* place);
// Opens the backend of a group of shards. Throws as open_transport.
std::vector<shard_place> open_shard_places(const context_options& options, unsigned count);

}  // namespace coax::detail
