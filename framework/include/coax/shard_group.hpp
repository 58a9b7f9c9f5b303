// coax::shard_group: several contexts that serve one address together, each with a thread, a ring,
// a stack and a NIC queue of its own. Sockets of a shard are ordinary sockets of its context; they
// know nothing of the group.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <coax/backend.hpp>
#include <coax/io_context.hpp>

namespace coax {

struct shard_options {
    std::size_t count = 1;  // 1..64
    // Shard i stays on the i-th of the cores that the calling thread may use; there must be as
    // many. Otherwise the system's scheduler decides.
    bool pin = false;
};

// What a group shares, by backend:
// - kernel: every TCP and UDP socket that is bound to a port gets SO_REUSEPORT first, so a listener
//   in each shard can have the same address; the kernel gives each connection to one of them.
// - xdp: shard i has NIC queue `queue=` + i; all own the addresses of the specification. A
// connection
//   is accepted by the shard on whose queue its SYN comes. What comes by another queue later is
//   handed over to the shard that has the connection; so are replies to what a shard has started.
// - wire: as xdp; the port has as many queues as there are shards.
//
// Use. Make the group, then listeners, sockets and coroutines in its contexts, as many as wanted
// and alike in each shard as a rule: while no thread runs a context, any may use it. Then run().
//
// Threads. run() runs shard 0 on the calling thread and the others on threads of their own. stop()
// and what io_context allows to any thread may be called from anywhere; everything else of a shard
// belongs to its thread while run() is inside.
//
// Lifetime. Sockets, timers and servers of a shard must be gone before the group is. Its destructor
// destroys the contexts, each on a thread of its own, as what they still deliver may need the
// others.
class shard_group {
  public:
    // Opens the backend once for all. Throws backend_error as io_context does, and when there can't
    // be so many shards: too few queues, too few cores, a count out of range. With a seed, shard i
    // has `seed` + i. With `capture=FILE` each shard writes a file of its own, FILE.0, FILE.1, ...
    shard_group(const context_options& options, const shard_options& shards);
    ~shard_group();
    shard_group(const shard_group&) = delete;
    shard_group& operator=(const shard_group&) = delete;

    std::size_t size() const noexcept { return contexts_.size(); }
    io_context& operator[](std::size_t shard) noexcept { return *contexts_[shard]; }
    const io_context& operator[](std::size_t shard) const noexcept { return *contexts_[shard]; }
    // What the group runs on: as its shards, with the queues of all.
    backend_description backend() const;

    // Runs all shards until stop(): also one without work of its own, as the others need its queue.
    // Returns how many handlers ran. An exception of a handler stops the group and comes out of
    // here (of several, one). Throws std::system_error, with nothing run, when there is no thread
    // left. Afterwards restart() is due before the next run().
    std::size_t run();
    // Any thread.
    void stop();
    bool stopped() const;
    void restart();

  private:
    std::vector<std::unique_ptr<io_context>> contexts_;
    std::vector<std::size_t> cores_;  // by shard; empty: not pinned
};

}  // namespace coax
