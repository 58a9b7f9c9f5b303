// What a key can hold: a string, a list, a hash, a set, a sorted set. Each knows its heap memory at
// any time without counting.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "services/kv/dictionary.hpp"

namespace coax::services::kv {

class list_value {
  public:
    const std::deque<std::string>& items() const noexcept { return items_; }
    std::size_t size() const noexcept { return items_.size(); }
    std::size_t bytes() const noexcept;

    void push(bool front, std::string_view item);
    // The list must not be empty.
    std::string pop(bool front);
    // `at` < size().
    void set(std::size_t at, std::string_view item);
    // Keeps `count` items from `first` on; both within the list.
    void trim(std::size_t first, std::size_t count);
    // At most `most` items equal to `item`, from the front or the back on; how many went.
    std::size_t remove(std::string_view item, std::size_t most, bool from_back);

  private:
    std::deque<std::string> items_;
    std::size_t item_bytes_ = 0;
};

class hash_value {
  public:
    explicit hash_value(const hash_key& key) : fields_(key) {}

    const dictionary<std::string>& fields() const noexcept { return fields_; }
    std::size_t size() const noexcept { return fields_.size(); }
    std::size_t bytes() const noexcept { return fields_.bytes() + value_bytes_; }

    // Null: no such field.
    const std::string* find(std::string_view field) const;
    // True: the field is new.
    bool set(std::string_view field, std::string_view value);
    bool erase(std::string_view field);

  private:
    dictionary<std::string> fields_;
    std::size_t value_bytes_ = 0;
};

struct nothing {};

class set_value {
  public:
    explicit set_value(const hash_key& key) : members_(key) {}

    const dictionary<nothing>& members() const noexcept { return members_; }
    std::size_t size() const noexcept { return members_.size(); }
    std::size_t bytes() const noexcept { return members_.bytes(); }

    bool add(std::string_view member) { return members_.emplace(member).second; }
    bool erase(std::string_view member) { return members_.erase(member); }
    // The set must not be empty.
    std::string pop(random_sequence& sequence);

  private:
    dictionary<nothing> members_;
};

class sorted_value {
  public:
    using ranked = std::pair<double, std::string>;

    explicit sorted_value(const hash_key& key) : scores_(key) {}

    // By score, equal scores by member.
    const std::set<ranked>& ranking() const noexcept { return ranking_; }
    std::size_t size() const noexcept { return ranking_.size(); }
    std::size_t bytes() const noexcept;

    std::optional<double> score(std::string_view member) const;
    // True: the member is new.
    bool set(std::string_view member, double score);
    bool erase(std::string_view member);
    // The lowest; the set must not be empty.
    ranked pop();

  private:
    dictionary<double> scores_;
    std::set<ranked> ranking_;
    std::size_t member_bytes_ = 0;  // of the copies in ranking_
};

using any_value = std::variant<std::string, list_value, hash_value, set_value, sorted_value>;

// "string", "list", "hash", "set", "zset".
std::string_view type_name(const any_value& v) noexcept;
// Heap memory of what is in it.
std::size_t heap_bytes(const any_value& v) noexcept;

}  // namespace coax::services::kv
