// Files below a document root, opened so that no path leads out of it. Knows nothing of HTTP
// messages but the status that says why a file cannot be had.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <variant>

#include "services/http/precondition.hpp"
#include "services/http/target.hpp"
#include "services/program/descriptor.hpp"

namespace coax::services {

// An open regular file and its state when it was opened.
class document {
  public:
    document(descriptor file, std::string name, std::uint64_t size, validators state)
        : file_(std::move(file)), name_(std::move(name)), size_(size), state_(std::move(state)) {}

    const std::string& name() const noexcept { return name_; }
    std::uint64_t size() const noexcept { return size_; }  // bytes
    const validators& state() const noexcept { return state_; }

    // Fills as much of `buffer` as there is at `offset`; less than its size only at the end of the
    // file (which may have shrunk) or after an error of the medium.
    std::size_t read(std::uint64_t offset, std::span<char> buffer) const noexcept;

  private:
    descriptor file_;
    std::string name_;
    std::uint64_t size_;
    validators state_;
};

enum class document_refusal : std::uint8_t {
    not_found,
    forbidden,     // no permission, or the path leads out of the root
    is_directory,  // asked for without its slash
    overloaded,    // no descriptors or memory left
};

class document_root {
  public:
    // Throws failure (usage) if `directory` cannot be read.
    explicit document_root(const std::string& directory);

    // A directory is answered by its index.html. Symbolic links are followed while they stay
    // below the root.
    std::variant<document, document_refusal> open(const document_path& path) const;

  private:
    descriptor root_;
};

}  // namespace coax::services
