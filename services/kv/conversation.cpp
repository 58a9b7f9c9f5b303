// Requests to answers, within the memory that connections may have.
#include "services/kv/conversation.hpp"

#include <algorithm>

namespace coax::services::kv {
namespace {

constexpr std::size_t output_pause = std::size_t{256} << 10;    // answers that are sent together
constexpr std::size_t subscriber_limit = std::size_t{8} << 20;  // bytes that wait for one
constexpr std::size_t least_buffers = std::size_t{32} << 20;
constexpr std::size_t kept_output = 65'536;
constexpr std::size_t own_bytes = 2'048;  // of an object, its coroutine and its tables' nodes

}  // namespace

database::database(store_limits limits, const hash_key& key, std::uint64_t seed)
    : buffers(std::max(limits.memory, least_buffers)),
      data(limits, key, seed),
      channels(data.key(), buffers) {
    requests.bulk = std::min(requests.bulk, limits.memory);
    requests.request = std::min(requests.request, buffers.limit());
}

conversation::conversation(std::shared_ptr<database> shared)
    : shared_(std::move(shared)), parser_(shared_->requests) {
    ++shared_->facts.clients;
    connected = shared_->data.now();
    account();
}

conversation::~conversation() {
    if (subscriptions() > 0) --shared_->facts.subscribed_clients;
    shared_->channels.forget(*this);
    shared_->buffers.change(held_, 0);
    --shared_->facts.clients;
}

bool conversation::account() {
    const std::size_t now = own_bytes + parser_.bytes() + output_.capacity() + in_flight_;
    const bool fits = shared_->buffers.change(held_, now);
    held_ = now;
    return fits;
}

std::span<char> conversation::room() {
    const std::span<char> free = parser_.room();
    is_too_much_ = !account();
    return free;
}

void conversation::commit(std::size_t n) {
    parser_.commit(n);
    shared_->facts.bytes_in += n;
}

conversation::state conversation::answer() {
    state s = state::full;
    answering_ = true;
    while (s == state::full && output_.size() < output_pause) {
        switch (parser_.next()) {
            case request_parser::outcome::incomplete: s = state::reading; break;
            case request_parser::outcome::request:
                answer_one();
                if (quit) s = state::closing;
                break;
            case request_parser::outcome::broken:
                output_ += "-" + parser_.problem() + "\r\n";
                ++shared_->facts.protocol_errors;
                s = state::closing;
                break;
        }
    }
    answering_ = false;
    if ((!account() || is_too_much_) && s != state::closing) {
        output_ += "-ERR the memory for requests and answers of clients is exhausted\r\n";
        ++shared_->facts.buffer_refusals;
        s = state::closing;
    }
    return s;
}

void conversation::answer_one() {
    const bool listened = subscriptions() > 0;
    const std::size_t before = output_.size();
    reply_writer reply(output_, version, before + shared_->buffers.left());
    call c{shared_->data,    shared_->channels,   *this, shared_->facts,
           shared_->buffers, parser_.arguments(), reply};
    execute(c);
    if (reply.overflowed()) {
        output_.resize(before);
        output_.shrink_to_fit();
        output_ += "-ERR the answer is larger than the memory for answers\r\n";
    }
    if (output_.size() > before && output_[before] == '-') ++shared_->facts.refused;
    const bool listens = subscriptions() > 0;
    if (listens && !listened) ++shared_->facts.subscribed_clients;
    if (!listens && listened) --shared_->facts.subscribed_clients;
}

void conversation::take_output(std::string& sent) {
    sent.clear();
    if (sent.capacity() > kept_output) std::string().swap(sent);
    sent.swap(output_);
    in_flight_ = sent.capacity();
    shared_->facts.bytes_out += sent.size();
    account();
}

void conversation::deliver(std::string_view message) {
    if (is_lost_) return;
    is_lost_ = output_.size() + in_flight_ + message.size() > subscriber_limit;
    if (!is_lost_) output_ += message;
    is_lost_ = !account() || is_lost_;
    if (is_lost_) {
        ++shared_->facts.slow_subscribers;
        if (!answering_) std::string().swap(output_);
        account();
        was_lost();
    } else if (!answering_) {
        output_came();
    }
}

}  // namespace coax::services::kv
