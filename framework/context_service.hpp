// Marks an execution_context as coax's and leads to its loop.
#pragma once

#include <boost/asio/execution_context.hpp>

#include <coax/detail/loop.hpp>

namespace coax::detail {

void install_loop(boost::asio::execution_context& context, loop& l);

}  // namespace coax::detail
