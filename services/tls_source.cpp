// Boost.Asio's TLS, compiled once for the program (BOOST_ASIO_SEPARATE_COMPILATION).

#include <boost/asio/ssl/impl/src.hpp>
