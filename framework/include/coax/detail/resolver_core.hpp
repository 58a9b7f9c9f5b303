// What all resolvers of coax have, whatever their protocol and executor.
#pragma once

#include <cstdint>
#include <utility>

#include <coax/detail/loop.hpp>
#include <coax/detail/resolve_operation.hpp>

namespace coax::detail {

class resolver_core {
  public:
    explicit resolver_core(loop& l) noexcept : loop_(&l) {}
    // Pending operations go on in the new object.
    resolver_core(resolver_core&& other) noexcept
        : loop_(other.loop_), owner_(std::exchange(other.owner_, 0)) {}
    resolver_core& operator=(resolver_core&& other) noexcept;
    ~resolver_core() { cancel(); }

    loop& get_loop() const noexcept { return *loop_; }
    // Names what this resolver starts, in operations started from now on. The thread that uses the
    // resolver, which need not be the loop's.
    std::uint64_t owner() noexcept;
    // Pending operations end with operation_aborted. From another thread than the one that runs
    // the context: handed over to it.
    void cancel() noexcept;
    // Blocks: I/O goes on, handlers wait.
    resolve_answer resolve(const resolve_question& question);

    // --- the loop's thread; the operation ends in the ready queue in any case
    static void start(loop& where, resolve_operation* o) { where.resolver().start(o); }
    // For loop::remember().
    static void cancel_operation(loop& where, operation* o);

  private:
    loop* loop_;
    std::uint64_t owner_ = 0;  // 0: nothing was ever started
};

}  // namespace coax::detail
