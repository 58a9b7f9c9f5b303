// The containers behind the types.
#include "services/kv/values.hpp"

#include <algorithm>
#include <array>

namespace coax::services::kv {
namespace {

// A deque of libstdc++ has a map and a chunk of 512 bytes from the start.
constexpr std::size_t deque_bytes = 512 + 64 + 2 * allocation_overhead;
// A node of a std::set: colour and three pointers.
constexpr std::size_t tree_node_bytes = 32 + allocation_overhead;

}  // namespace

std::size_t list_value::bytes() const noexcept {
    return deque_bytes + items_.size() * sizeof(std::string) + item_bytes_;
}

void list_value::push(bool front, std::string_view item) {
    std::string& placed = front ? items_.emplace_front(item) : items_.emplace_back(item);
    item_bytes_ += heap_bytes(placed);
}

std::string list_value::pop(bool front) {
    std::string& there = front ? items_.front() : items_.back();
    item_bytes_ -= heap_bytes(there);
    std::string taken = std::move(there);
    front ? items_.pop_front() : items_.pop_back();
    return taken;
}

void list_value::set(std::size_t at, std::string_view item) {
    item_bytes_ -= heap_bytes(items_[at]);
    items_[at] = std::string(item);
    item_bytes_ += heap_bytes(items_[at]);
}

void list_value::trim(std::size_t first, std::size_t count) {
    while (items_.size() > first + count) pop(false);
    for (; first > 0; --first) pop(true);
}

std::size_t list_value::remove(std::string_view item, std::size_t most, bool from_back) {
    // Into a new deque: assigning within this one would leave large capacities to small items.
    std::deque<std::string> kept;
    std::size_t removed = 0;
    const auto consider = [&](std::string& there) {
        if (removed < most && there == item) {
            ++removed;
            item_bytes_ -= heap_bytes(there);
        } else if (from_back) {
            kept.push_front(std::move(there));
        } else {
            kept.push_back(std::move(there));
        }
    };
    if (from_back) {
        std::for_each(items_.rbegin(), items_.rend(), consider);
    } else {
        std::for_each(items_.begin(), items_.end(), consider);
    }
    items_.swap(kept);
    return removed;
}

const std::string* hash_value::find(std::string_view field) const {
    const auto* const n = fields_.find(field);
    return n == nullptr ? nullptr : &n->value;
}

bool hash_value::set(std::string_view field, std::string_view value) {
    const auto [n, is_new] = fields_.emplace(field);
    value_bytes_ -= heap_bytes(n->value);
    n->value = std::string(value);
    value_bytes_ += heap_bytes(n->value);
    return is_new;
}

bool hash_value::erase(std::string_view field) {
    const auto* const n = fields_.find(field);
    if (n == nullptr) return false;
    value_bytes_ -= heap_bytes(n->value);
    fields_.take(n);
    return true;
}

std::string set_value::pop(random_sequence& sequence) {
    return std::move(members_.take(members_.random(sequence))->key);
}

std::size_t sorted_value::bytes() const noexcept {
    return scores_.bytes() + member_bytes_ + ranking_.size() * (sizeof(ranked) + tree_node_bytes);
}

std::optional<double> sorted_value::score(std::string_view member) const {
    const auto* const n = scores_.find(member);
    if (n == nullptr) return std::nullopt;
    return n->value;
}

bool sorted_value::set(std::string_view member, double score) {
    const auto [n, is_new] = scores_.emplace(member, score);
    if (!is_new) {
        if (n->value == score) return false;
        auto moved = ranking_.extract({n->value, n->key});
        moved.value().first = score;
        ranking_.insert(std::move(moved));
        n->value = score;
        return false;
    }
    member_bytes_ += heap_bytes(ranking_.emplace(score, n->key).first->second);
    return true;
}

bool sorted_value::erase(std::string_view member) {
    const auto* const n = scores_.find(member);
    if (n == nullptr) return false;
    const auto at = ranking_.find({n->value, n->key});
    member_bytes_ -= heap_bytes(at->second);
    ranking_.erase(at);
    scores_.take(n);
    return true;
}

sorted_value::ranked sorted_value::pop() {
    auto lowest = ranking_.extract(ranking_.begin());
    member_bytes_ -= heap_bytes(lowest.value().second);
    scores_.erase(lowest.value().second);
    return std::move(lowest.value());
}

std::string_view type_name(const any_value& v) noexcept {
    constexpr std::array<std::string_view, 5> names{"string", "list", "hash", "set", "zset"};
    return names[v.index()];
}

std::size_t heap_bytes(const any_value& v) noexcept {
    if (const auto* const text = std::get_if<std::string>(&v)) return heap_bytes(*text);
    return std::visit(
        [](const auto& one) -> std::size_t {
            if constexpr (requires { one.bytes(); }) return one.bytes();
            return 0;
        },
        v);
}

}  // namespace coax::services::kv
