// The server that a load on a wire brings along, since nobody else can be there.
#pragma once

#include "services/load/load_options.hpp"
#include "services/serve/background_server.hpp"
#include "services/serve/wire_host.hpp"

namespace coax::services {

class wire_server {
  public:
    // Serves what the load asks for at its address, on a second thread; says so on standard error.
    explicit wire_server(const load_options& options);

  private:
    background_server server_;
};

}  // namespace coax::services
