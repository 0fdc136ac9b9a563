// kube::Api over HTTP/1.1 and TLS.
//
// Requests go over a few connections that are kept open; a watch has one of its own. What can be
// replaced while the client lives is read anew: token files with each request, certificates with
// each connection; an exec plugin is run again when its credential expires. After a 401 the token
// file is read, or the plugin run, once more; if the token differs, the request is repeated, once.
//
// A request is repeated, once, on a new connection if the old one turned out to be closed before it
// was sent whole; a GET, too, if no byte of an answer came. Redirects are not followed.
//
// Errors beyond those of api.h: kUnavailable also stands for an answer to a GET that was cut off or
// is too large, and for an exec plugin that takes too long; kDenied for a plugin that fails.
// Messages name the server and the step that failed: the name, the connection, the proxy, the
// handshake, the credentials.
//
// Names are looked up, and exec plugins run, on threads of their own, which a call leaves behind at
// its deadline: at most one of each kind. A plugin is killed after 10 s.
//
// Threads: see api.h. A stream may outlive its client.
#pragma once

#include <memory>

#include "src/kube/api.h"
#include "src/kube/client/access.h"

namespace monopod::kube {

// Contacts nobody yet. Call it after the last fork.
std::shared_ptr<Api> MakeClient(ClusterAccess access);

}  // namespace monopod::kube
