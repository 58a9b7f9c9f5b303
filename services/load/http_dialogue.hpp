// GET of one target over HTTP/1.1, as often as wanted on one connection, pipelined if wanted. The
// parser is Beast's, without its containers: nothing of a reply is kept but status and length.
#pragma once

#include <optional>
#include <vector>

#include <boost/beast/http/basic_parser.hpp>

#include "services/load/dialogue.hpp"

namespace coax::services {

class http_dialogue final : public dialogue {
  public:
    http_dialogue(const std::string& host, const std::string& target, std::size_t pipeline);

    pieces next(std::size_t count) override;
    pieces again(std::size_t count) override;
    reply take(std::span<const char>& bytes) override;
    reply end() override;
    bool may_close() const noexcept override { return true; }  // RFC 9112 9.5
    std::size_t room() const noexcept override;

  private:
    // What it is told of a reply it drops; the base class knows the rest.
    class parser final : public boost::beast::http::basic_parser<false> {
      public:
        parser();
        unsigned status() const noexcept { return status_; }

      private:
        using error_code = boost::beast::error_code;
        using text = boost::beast::string_view;
        using field = boost::beast::http::field;
        using verb = boost::beast::http::verb;

        void on_request_impl(verb, text, text, int, error_code&) override {}
        void on_response_impl(int code, text, int, error_code&) override {
            status_ = static_cast<unsigned>(code);
        }
        void on_field_impl(field, text, text, error_code&) override {}
        void on_header_impl(error_code&) override {}
        void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
        std::size_t on_body_impl(text body, error_code&) override { return body.size(); }
        void on_chunk_header_impl(std::uint64_t, text, error_code&) override {}
        std::size_t on_chunk_body_impl(std::uint64_t, text body, error_code&) override {
            return body.size();
        }
        void on_finish_impl(error_code&) override {}

        unsigned status_ = 0;
    };

    reply finish();

    std::size_t request_size_;
    std::vector<char> requests_;    // as many as may be under way
    std::optional<parser> parser_;  // of the reply under way
};

}  // namespace coax::services
