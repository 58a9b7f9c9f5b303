// All of coax.
#pragma once

#include <coax/awaitable.hpp>
#include <coax/backend.hpp>
#include <coax/clock.hpp>
#include <coax/connection_info.hpp>
#include <coax/executor.hpp>
#include <coax/io_context.hpp>
#include <coax/io_context_strand.hpp>
#include <coax/shard_group.hpp>
#include <coax/steady_timer.hpp>
#include <coax/task.hpp>
#include <coax/tcp.hpp>
#include <coax/timeout.hpp>
#include <coax/udp.hpp>
