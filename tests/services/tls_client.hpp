// A blocking client over OpenSSL and kernel sockets, with nothing of Asio or coax in its TLS. It
// checks the server's certificate. Every wait is bounded.
#pragma once

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tests/services/loopback_client.hpp"

class tls_client {
  public:
    // Connects, and says nothing yet. `version`: the only one to offer, such as TLS1_2_VERSION.
    tls_client(const coax::tcp::endpoint& server, const std::string& trusted, int version = 0,
               std::string_view protocols = "\x08http/1.1")
        : connection(server), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
        // Versions that Debian's OpenSSL refuses by itself are offered all the same.
        SSL_CTX_set_security_level(context_.get(), 0);
        SSL_CTX_set_min_proto_version(context_.get(), version);
        SSL_CTX_set_max_proto_version(context_.get(), version);
        SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
        if (SSL_CTX_load_verify_file(context_.get(), trusted.c_str()) != 1)
            throw std::runtime_error("no certificate to trust");
        ssl_.reset(SSL_new(context_.get()));
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), "127.0.0.1");
        SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
        SSL_set_fd(ssl_.get(), connection.number());
    }

    bool shake_hands() { return call(SSL_connect) == 1; }
    void send(std::string_view text) {
        if (call(SSL_write, text.data(), static_cast<int>(text.size())) !=
            static_cast<int>(text.size()))
            throw std::runtime_error("TLS send");
    }
    std::string receive(std::size_t size) {
        std::string text(size, '\0');
        for (std::size_t have = 0; have < size;) {
            const int n = call(SSL_read, text.data() + have, static_cast<int>(size - have));
            if (n <= 0) throw std::runtime_error("TLS receive");
            have += static_cast<std::size_t>(n);
        }
        return text;
    }
    std::string receive_until(std::string_view mark) {
        std::string text;
        while (!text.ends_with(mark)) text += receive(1);
        return text;
    }
    // Until close_notify; anything else is an error.
    std::string receive_all() {
        std::string text;
        std::string piece(16'384, '\0');
        for (;;) {
            const int n = call(SSL_read, piece.data(), static_cast<int>(piece.size()));
            if (n > 0) {
                text.append(piece.data(), static_cast<std::size_t>(n));
                continue;
            }
            if (SSL_get_error(ssl_.get(), n) != SSL_ERROR_ZERO_RETURN)
                throw std::runtime_error("TLS cut off");
            return text;
        }
    }
    // Says close_notify; true: the server says it, too.
    bool end() {
        const int said = call(SSL_shutdown);
        return said == 1 || (said == 0 && call(SSL_shutdown) == 1);
    }
    std::string version() const { return SSL_get_version(ssl_.get()); }

    loopback_client connection;

  private:
    // Again after EINTR, as loopback_client does, and for its reason.
    template <class Function, class... Arguments>
    int call(Function function, Arguments... arguments) {
        for (;;) {
            errno = 0;
            const int n = function(ssl_.get(), arguments...);
            if (n > 0 || errno != EINTR) return n;
            const int why = SSL_get_error(ssl_.get(), n);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return n;
        }
    }

    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
};
