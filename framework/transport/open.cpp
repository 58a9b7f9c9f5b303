// Chooses the transport by the kind of backend.
#include "framework/transport/open.hpp"

#include <variant>

#include "backends/spec.hpp"
#include "framework/backend_values.hpp"
#include "framework/engine.hpp"
#include "framework/transport/kernel_transport.hpp"

namespace coax::detail {

namespace {

// Stands where a transport is not built yet: the context runs handlers and timers, sockets say so.
class socketless final : public transport {
  public:
    explicit socketless(std::string kind) {
        description_.kind = std::move(kind);
        description_.notes.push_back("no sockets in this build");
    }
    std::unique_ptr<stream_state> open_stream(int, error_code& ec) override {
        ec = boost::asio::error::operation_not_supported;
        return nullptr;
    }
    const backend_description& describe() const noexcept override { return description_; }
    void abandon_operations() noexcept override {}
    void shut_down() noexcept override {}
    bool idle() const noexcept override { return true; }

  private:
    backend_description description_;
};

}  // namespace

std::unique_ptr<transport> open_transport(engine& where, const context_options& options) {
    auto parsed = backends::parse_spec(options.backend);
    if (auto* const wrong = std::get_if<backends::failure>(&parsed))
        throw backend_error(wrong->message);
    const auto& spec = std::get<backends::spec>(parsed);
    if (std::holds_alternative<backends::kernel_spec>(spec))
        return std::make_unique<kernel_transport>(where, where.ring());
    return std::make_unique<socketless>(std::holds_alternative<backends::wire_spec>(spec) ? "wire"
                                                                                          : "xdp");
}

}  // namespace coax::detail
