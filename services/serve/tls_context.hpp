// A server's side of TLS: its certificate and what it offers. Knows no connection.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include "services/program/options.hpp"

namespace coax::services {

// TLS 1.2 with forward secrecy and authenticated ciphers, TLS 1.3; ALPN "http/1.1" (RFC 7301): a
// client that offers protocols, but not this one, is refused. Sessions are resumed by tickets
// alone, so that they take no memory here. Throws failure (usage) if a file cannot be read, is no
// PEM, is encrypted, or if the two do not belong together.
boost::asio::ssl::context make_tls_context(const tls_files& files);

}  // namespace coax::services
