// Sets OpenSSL up, and turns its error queue into one line.
#include "services/serve/tls_context.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>

#include "services/program/descriptor.hpp"
#include "services/program/failure.hpp"

namespace coax::services {
namespace {

constexpr std::string_view protocol{"\x08http/1.1"};  // a list of one, as RFC 7301 3.1 writes it
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2
constexpr const char* session_name = "coax";

[[noreturn]] void refuse(const std::string& text) { throw failure(exit_status::usage, text); }

std::string last_reason() {
    const char* text = ERR_reason_error_string(ERR_peek_last_error());
    return text == nullptr ? "unreadable" : text;
}

// OpenSSL's own message for a file that cannot be opened names no reason.
void check_readable(const char* what, const std::string& path) {
    const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat state{};
    if (!file.is_open() || ::fstat(file.get(), &state) != 0)
        refuse(fmt::format("cannot read the {} '{}': {}", what, path, std::strerror(errno)));
    if (S_ISDIR(state.st_mode))
        refuse(fmt::format("the {} '{}' is a directory; name a file", what, path));
}

void use_certificate(SSL_CTX* context, const std::string& path) {
    check_readable("certificate", path);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, path.c_str()) != 1)
        refuse(fmt::format("'{}' holds no certificate in PEM form that can be used: {}", path,
                           last_reason()));
}

void use_key(SSL_CTX* context, const tls_files& files) {
    check_readable("private key", files.key);
    // Called for an encrypted key. A server has nobody to ask.
    bool encrypted = false;
    SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void* asked) {
        *static_cast<bool*>(asked) = true;
        return -1;
    });
    SSL_CTX_set_default_passwd_cb_userdata(context, &encrypted);
    ERR_clear_error();
    const bool used =
        SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
    SSL_CTX_set_default_passwd_cb(context, nullptr);
    if (used) return;
    if (encrypted)
        refuse(
            fmt::format("the private key '{0}' is encrypted; 'openssl pkey -in {0} -out FILE' "
                        "makes one that is not",
                        files.key));
    const unsigned long error = ERR_peek_last_error();
    const bool foreign = ERR_GET_LIB(error) == ERR_LIB_X509 &&
                         (ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH ||
                          ERR_GET_REASON(error) == X509_R_KEY_TYPE_MISMATCH);
    if (foreign)
        refuse(fmt::format("the private key '{}' is not that of the certificate '{}'", files.key,
                           files.certificate));
    refuse(fmt::format("'{}' holds no private key in PEM form that can be used: {}", files.key,
                       last_reason()));
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void*) {
    unsigned char* match = nullptr;
    const int found =
        SSL_select_next_proto(&match, size, reinterpret_cast<const unsigned char*>(protocol.data()),
                              static_cast<unsigned>(protocol.size()), offered, offered_size);
    *chosen = match;
    // RFC 7301 3.2 (SHALL): nothing in common ends the handshake with no_application_protocol.
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

boost::asio::ssl::context make_tls_context(const tls_files& files) {
    boost::asio::ssl::context made(boost::asio::ssl::context::tls_server);
    SSL_CTX* const context = made.native_handle();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(session_name),
                                   static_cast<unsigned>(std::strlen(session_name)));
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1)
        refuse("OpenSSL has none of the ciphers for TLS 1.2: " + last_reason());
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    use_certificate(context, files.certificate);
    use_key(context, files);
    return made;
}

}  // namespace coax::services
