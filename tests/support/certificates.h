// Certificates for servers and clients of a test, made by openssl.
#pragma once

#include <string>

#include "tests/support/process.h"

namespace monopod::testing {

struct CertificateFiles {
  std::string certificate;
  std::string key;
};

struct CertificateOptions {
  std::string name = "test";                                // the subject
  std::string alternatives = "IP:127.0.0.1,DNS:localhost";  // what it stands for, as a server
  bool expired = false;
};

class CertificateAuthority {
 public:
  CertificateAuthority();
  // Its own certificate.
  std::string file() const { return folder_.File("ca.pem"); }
  // The files live as long as the authority does.
  CertificateFiles Issue(const CertificateOptions& options = {});

 private:
  const TemporaryDirectory folder_;
  int issued_ = 0;
};

}  // namespace monopod::testing
