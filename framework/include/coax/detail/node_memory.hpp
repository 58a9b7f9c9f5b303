// Memory of one operation: allocated with the handler's allocator, and given back before the
// handler is called (Asio's guarantee: a handler may start the next operation in the same memory).
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <boost/asio/recycling_allocator.hpp>

namespace coax::detail {

// Asio's rule: who gave no allocator gets the memory recycled per thread.
template <class Allocator>
struct recycled {
    using type = Allocator;
    static const Allocator& get(const Allocator& a) noexcept { return a; }
};
template <class T>
struct recycled<std::allocator<T>> {
    using type = boost::asio::recycling_allocator<void>;
    static type get(const std::allocator<T>&) noexcept { return {}; }
};

template <class Node, class Allocator>
struct node_memory {
    using allocator_type = typename std::allocator_traits<Allocator>::template rebind_alloc<Node>;
    using traits = std::allocator_traits<allocator_type>;

    template <class... Args>
    static Node* make(const Allocator& allocator, Args&&... args) {
        allocator_type a(allocator);
        auto memory = traits::allocate(a, 1);
        Node* const place = std::to_address(memory);
        try {
            return ::new (static_cast<void*>(place)) Node(std::forward<Args>(args)...);
        } catch (...) {
            traits::deallocate(a, memory, 1);
            throw;
        }
    }
    static void release(Node* node, const Allocator& allocator) noexcept {
        allocator_type a(allocator);
        node->~Node();
        traits::deallocate(a, std::pointer_traits<typename traits::pointer>::pointer_to(*node), 1);
    }
};

}  // namespace coax::detail
