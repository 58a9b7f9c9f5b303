// A wire port as a backend: sleeping by a read of the doorbell's pipe on the ring, and waking
// the peers. Knows nothing of frames.

#include <memory>
#include <string>
#include <utility>

#include "backends/wire/port.hpp"
#include "backends/wire/segment.hpp"
#include "backends/wire/wire.hpp"

namespace coax::backends {

namespace {

class wire_driver final : public driver, private completion {
  public:
    wire_driver(std::unique_ptr<wire::port> port, const std::string& segment,
                std::vector<unsigned> queues)
        : port_(std::move(port)) {
        const stack::device_capabilities& own = port_->capabilities();
        description_.kind = "wire";
        description_.interface = segment;
        description_.mode = "memory";
        description_.queues = std::move(queues);
        description_.mtu = own.mtu;
        if (own.receive_checksum == stack::checksum_policy::trusted)
            description_.offloads.emplace_back("checksums-trusted");
        if (own.gso_max_bytes != 0) description_.offloads.emplace_back("gso");
        for (const auto& address : port_->addresses())
            description_.addresses.push_back(address.to_string());
    }

    stack::device& device() noexcept override { return *port_; }
    const description& describe() const noexcept override { return description_; }
    bool frames_waiting() noexcept override { return port_->frames_waiting(); }
    void kick(ring&) noexcept override { port_->ring_doorbells(); }
    bool prepare_to_sleep(ring& ring) noexcept override {
        if (!port_->prepare_to_wait()) return false;
        if (armed_ || closing_) return true;
        armed_ = true;
        ring.submit(this, [this](io_uring_sqe* entry) {
            io_uring_prep_read(entry, port_->doorbell_descriptor(), &rung_, sizeof rung_, 0);
        });
        return true;
    }
    const std::string* dead() const noexcept override { return nullptr; }
    void shut_down(ring& ring) noexcept override {
        closing_ = true;
        port_->ring_doorbells();
        if (!armed_) return;
        completion* read = this;
        ring.submit(nullptr, [read](io_uring_sqe* entry) { io_uring_prep_cancel(entry, read, 0); });
    }
    bool idle() const noexcept override { return !armed_; }
    std::vector<counter> counters() const override { return port_->named_counters(); }

  private:
    void on_completion(std::int32_t, std::uint32_t) noexcept override { armed_ = false; }

    std::unique_ptr<wire::port> port_;
    description description_;
    std::uint64_t rung_ = 0;  // what was written; nobody needs it
    bool armed_ = false;
    bool closing_ = false;
};

}  // namespace

std::variant<std::vector<std::unique_ptr<driver>>, failure> open_wire_queues(const wire_spec& what,
                                                                             unsigned count) {
    wire::segment_options shared;
    shared.gso = what.gso;
    shared.drop_when_full = what.full == wire_spec::when_full::drop;
    auto segment = wire::segment::named(what.segment, shared);
    if (auto* fault = std::get_if<failure>(&segment)) return std::move(*fault);

    wire::port_options own;
    own.mtu = what.mtu;
    own.trusted = what.rx_checksum == wire_spec::checksum::trusted;
    own.can_sleep = true;
    own.addresses = what.addresses;
    own.automatic_address = what.addresses.empty();
    own.spread_frames = what.spread == wire_spec::spreading::frame;
    auto ports = std::get<0>(segment)->join_queues(std::move(own), count);
    if (auto* fault = std::get_if<failure>(&ports)) return std::move(*fault);

    std::vector<std::unique_ptr<driver>> opened;
    for (auto& port : std::get<0>(ports)) {
        std::vector<unsigned> queues;
        if (count > 1) queues.push_back(static_cast<unsigned>(opened.size()));
        opened.push_back(
            std::make_unique<wire_driver>(std::move(port), what.segment, std::move(queues)));
    }
    return opened;
}

std::variant<std::unique_ptr<driver>, failure> open_wire(const wire_spec& what) {
    auto opened = open_wire_queues(what, 1);
    if (auto* fault = std::get_if<failure>(&opened)) return std::move(*fault);
    return std::move(std::get<0>(opened).front());
}

}  // namespace coax::backends
