// coax::io_context::strand: what older programs call asio::io_context::strand. New code writes
// asio::strand<coax::executor>, or asio::make_strand(context), which is the same.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>

#include <coax/io_context.hpp>

namespace coax {

// Handlers of one strand never run at the same time, and run in order. Copies are the same strand.
// Any thread.
class io_context::strand : public boost::asio::strand<executor> {
    using base = boost::asio::strand<executor>;

  public:
    explicit strand(io_context& context) : base(context.get_executor()) {}

    io_context& context() const noexcept {
        return boost::asio::query(get_inner_executor(), boost::asio::execution::context);
    }

#if !defined(BOOST_ASIO_NO_DEPRECATED)
    // Deprecated in Asio: the functions of these names.
    using base::dispatch;
    using base::post;
    template <class Token>
    auto dispatch(Token&& token) const {
        return boost::asio::dispatch(static_cast<const base&>(*this), std::forward<Token>(token));
    }
    template <class Token>
    auto post(Token&& token) const {
        return boost::asio::post(static_cast<const base&>(*this), std::forward<Token>(token));
    }
    // Unlike what bind_executor() gives, the result runs on the strand also when it is called.
    template <class Handler>
    class wrapped_handler {
      public:
        using executor_type = base;

        template <class H>
        wrapped_handler(const base& where, H&& handler)
            : strand_(where), handler_(std::forward<H>(handler)) {}
        const executor_type& get_executor() const noexcept { return strand_; }
        template <class... Arguments>
        void operator()(Arguments&&... arguments) & {
            run(Handler(handler_), std::forward<Arguments>(arguments)...);
        }
        template <class... Arguments>
        void operator()(Arguments&&... arguments) && {
            run(std::move(handler_), std::forward<Arguments>(arguments)...);
        }

      private:
        template <class... Arguments>
        void run(Handler&& handler, Arguments&&... arguments) {
            boost::asio::dispatch(strand_, [h = std::move(handler),
                                            all = std::tuple<std::decay_t<Arguments>...>(
                                                std::forward<Arguments>(arguments)...)]() mutable {
                std::apply(std::move(h), std::move(all));
            });
        }
        base strand_;
        Handler handler_;
    };
    template <class Handler>
    wrapped_handler<std::decay_t<Handler>> wrap(Handler&& handler) const {
        return {*this, std::forward<Handler>(handler)};
    }
#endif
};

}  // namespace coax
