// A function object in the ready queue: what execute(), post() and defer() make.
#pragma once

#include <type_traits>
#include <utility>

#include <coax/detail/node_memory.hpp>
#include <coax/detail/operation.hpp>

namespace coax::detail {

template <class Function, class Allocator>
class function_operation final : public operation {
    using memory = node_memory<function_operation, Allocator>;

  public:
    template <class F>
    static function_operation* make(F&& f, const Allocator& allocator) {
        return memory::make(allocator, std::forward<F>(f), allocator);
    }

    template <class F>
    function_operation(F&& f, const Allocator& allocator)
        : operation(&function_operation::finish),
          function_(std::forward<F>(f)),
          allocator_(allocator) {}

  private:
    static void finish(operation* base, bool run) {
        auto* const self = static_cast<function_operation*>(base);
        const Allocator allocator(self->allocator_);
        if (!run) return memory::release(self, allocator);
        releasing guard{self, allocator};
        Function function(std::move(self->function_));
        guard.now();
        std::move(function)();
    }
    struct releasing {
        function_operation* self;
        const Allocator& allocator;
        void now() noexcept { memory::release(std::exchange(self, nullptr), allocator); }
        ~releasing() {
            if (self != nullptr) now();
        }
    };

    Function function_;
    [[no_unique_address]] Allocator allocator_;
};

template <class Function, class Allocator>
operation* make_function_operation(Function&& f, const Allocator& allocator) {
    using plain = std::decay_t<Function>;
    using memory = typename recycled<Allocator>::type;
    return function_operation<plain, memory>::make(std::forward<Function>(f),
                                                   recycled<Allocator>::get(allocator));
}

}  // namespace coax::detail
