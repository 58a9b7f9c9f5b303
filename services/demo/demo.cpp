// HTTP over the virtual wire, compared with the files themselves.
#include "services/demo/demo.hpp"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "services/program/context.hpp"
#include "services/program/endpoint_text.hpp"
#include "services/serve/background_server.hpp"
#include "services/transfer/fetch.hpp"

namespace coax::services {
namespace {

constexpr std::size_t most_files = 8;

// Plain files directly in the directory, by name.
std::vector<std::filesystem::path> files_of(const std::string& directory) {
    std::vector<std::filesystem::path> files;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored))
        if (entry.is_regular_file(ignored) && !entry.is_symlink(ignored))
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (files.size() > most_files) files.resize(most_files);
    return files;
}

std::vector<char> contents_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<char> fetch_body(coax::io_context& io, const http_url& url, fetch_result& result) {
    std::vector<char> body;
    std::exception_ptr thrown;
    const std::function<void(std::span<const char>)> take = [&](std::span<const char> bytes) {
        body.insert(body.end(), bytes.begin(), bytes.end());
    };
    asio::co_spawn(io, fetch_url(io, url, std::chrono::seconds(5), take),
                   [&](const std::exception_ptr& e, fetch_result r) {
                       thrown = e;
                       result = std::move(r);
                   });
    io.run();
    io.restart();
    if (thrown) std::rethrow_exception(thrown);
    return body;
}

}  // namespace

exit_status demo(const demo_options& options) {
    const document_root checked(options.directory);  // one line if it cannot be read
    const auto files = files_of(options.directory);
    if (files.empty())
        throw failure(exit_status::usage, fmt::format("'{}' has no files to serve; name another "
                                                      "directory",
                                                      options.directory));
    const auto endpoint = *parse_endpoint("198.18.0.1:80");
    const background_server server({"wire:demo,ip=198.18.0.1/24", {}}, [&](coax::io_context& io) {
        return std::make_unique<http_server>(io, endpoint, server_limits{},
                                             document_root(options.directory));
    });
    coax::io_context io(context_options_of({"wire:demo,ip=198.18.0.2/24", {}}));
    fmt::print("host 1: coax serve http, backend {}\n", server.context().backend().to_line());
    fmt::print("host 2: coax fetch, backend {}\n", io.backend().to_line());
    bool all_equal = true;
    for (const auto& file : files) {
        http_url url{endpoint, to_text(endpoint), {}};
        url.target = to_target({file.filename().string(), false});
        fetch_result result;
        const auto body = fetch_body(io, url, result);
        const bool equal = !result.error && result.status == 200 && body == contents_of(file);
        all_equal = all_equal && equal;
        fmt::print("GET {}  {} {}, {} bytes: {}{}\n", url.target, result.status, result.reason,
                   result.bytes, equal ? "equal to the file" : "DIFFERENT from the file",
                   result.error ? " (" + result.error.message() + ")" : "");
    }
    return all_equal ? exit_status::success : exit_status::failed;
}

}  // namespace coax::services
