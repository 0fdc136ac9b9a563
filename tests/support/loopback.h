// Sockets on 127.0.0.1 for the servers of the tests, which end the test where they cannot be had.
#pragma once

#include <netinet/in.h>

namespace monopod::testing {

sockaddr_in Loopback(int port);
// Listens on a free port.
int Listen();
int PortOf(int fd);

}  // namespace monopod::testing
