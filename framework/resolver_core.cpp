// Resolvers between their user and the context's name_resolver.
#include <atomic>
#include <cassert>
#include <memory>
#include <utility>

#include <coax/detail/function_operation.hpp>
#include <coax/detail/resolver_core.hpp>

namespace coax::detail {

resolver_core& resolver_core::operator=(resolver_core&& other) noexcept {
    if (this == &other) return *this;
    cancel();
    loop_ = other.loop_;
    owner_ = std::exchange(other.owner_, 0);
    return *this;
}

std::uint64_t resolver_core::owner() noexcept {
    static std::atomic<std::uint64_t> last{0};
    if (owner_ == 0) owner_ = last.fetch_add(1, std::memory_order_relaxed) + 1;
    return owner_;
}

void resolver_core::cancel() noexcept {
    const std::uint64_t owner = std::exchange(owner_, 0);
    if (owner == 0) return;
    if (const loop::visit here(*loop_); here) return loop_->resolver().cancel_all(owner);
    loop_->post(make_function_operation(
        [where = loop_, owner] { where->resolver().cancel_all(owner); }, std::allocator<void>()));
}

resolve_answer resolver_core::resolve(const resolve_question& question) {
    assert(!loop_->running_elsewhere());  // only the thread that runs the context
    return loop_->resolver().resolve(question);
}

void resolver_core::cancel_operation(loop& where, operation* o) {
    where.resolver().cancel(static_cast<resolve_operation*>(o));
}

}  // namespace coax::detail
