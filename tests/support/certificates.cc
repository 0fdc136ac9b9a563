#include "tests/support/certificates.h"

#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

namespace monopod::testing {
namespace {

void Openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  Process process(std::move(arguments));
  if (process.Wait() == 0) return;
  std::cerr << "openssl: " << process.err() << '\n';
  std::abort();
}

}  // namespace

CertificateAuthority::CertificateAuthority() {
  Openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
           "-days", "30", "-subj", "/CN=test authority", "-keyout", folder_.File("ca.key"), "-out",
           file()});
}

CertificateFiles CertificateAuthority::Issue(const CertificateOptions& options) {
  const std::string stem = folder_.File(std::to_string(++issued_));
  CertificateFiles files{.certificate = stem + ".pem", .key = stem + ".key"};
  WriteFile(stem + ".ext", "subjectAltName=" + options.alternatives + "\n");
  Openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
           "/CN=" + options.name, "-keyout", files.key, "-out", stem + ".csr"});
  Openssl({"x509", "-req", "-in", stem + ".csr", "-CA", file(), "-CAkey", folder_.File("ca.key"),
           "-set_serial", std::to_string(issued_), "-days", options.expired ? "-1" : "30",
           "-extfile", stem + ".ext", "-out", files.certificate});
  return files;
}

}  // namespace monopod::testing
