// The service that find_loop() looks for.
#include "framework/context_service.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <coax/detail/find_loop.hpp>

namespace coax::detail {

namespace {

class loop_service final : public boost::asio::execution_context::service {
  public:
    using key_type = loop_service;
    inline static boost::asio::execution_context::id id;

    explicit loop_service(boost::asio::execution_context& context) : service(context) {}
    loop* target = nullptr;

  private:
    void shutdown() noexcept override {}
};

}  // namespace

void install_loop(boost::asio::execution_context& context, loop& l) {
    boost::asio::use_service<loop_service>(context).target = &l;
}

loop& find_loop(boost::asio::execution_context& context) {
    if (!boost::asio::has_service<loop_service>(context)) {
        throw boost::system::system_error(
            boost::asio::error::operation_not_supported,
            "a coax socket or timer needs an executor of a coax::io_context");
    }
    return *boost::asio::use_service<loop_service>(context).target;
}

}  // namespace coax::detail
