#include "src/kube/client/tls.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <utility>

#include "src/kube/client/text_file.h"

namespace monopod::kube {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO_free>>;

std::string LastReason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "no reason given" : reason;
}

// The socket as OpenSSL's transport: its own raises SIGPIPE.
struct Transport {
  Socket* socket;
  std::string failure;  // of the socket, if there was one
};

int Finish(BIO* bio, const Step& step) {
  BIO_clear_retry_flags(bio);
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  switch (step.kind) {
    case Step::Kind::kMoved: return static_cast<int>(step.size);
    case Step::Kind::kEnded: BIO_set_flags(bio, BIO_FLAGS_IN_EOF); return 0;
    case Step::Kind::kWantsToRead: BIO_set_retry_read(bio); return -1;
    case Step::Kind::kWantsToWrite: BIO_set_retry_write(bio); return -1;
    case Step::Kind::kFailed: transport.failure = step.reason; return -1;
  }
  return -1;
}

int WriteBytes(BIO* bio, const char* data, int size) {
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  return Finish(bio, transport.socket->Send({data, static_cast<std::size_t>(size)}));
}
int ReadBytes(BIO* bio, char* data, int size) {
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  return Finish(bio, transport.socket->Receive({data, static_cast<std::size_t>(size)}));
}
long Control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_FLUSH) return 1;
  return command == BIO_CTRL_EOF && BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
}

const BIO_METHOD* TransportMethod() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    BIO_meth_set_write(made, WriteBytes);
    BIO_meth_set_read(made, ReadBytes);
    BIO_meth_set_ctrl(made, Control);
    return made;
  }();
  return kMethod;
}

tl::unexpected<Error> Unusable(const char* what, const TextSource& source, std::string reason) {
  return Fail(ErrorCode::kDenied,
              fmt::format("the {}{}{} cannot be used: {}", what, source.file.empty() ? "" : " ",
                          source.content.empty() ? source.file : "", std::move(reason)));
}

// All certificates of a text, at least one.
Result<std::vector<Certificate>> ReadCertificates(const char* what, const TextSource& source) {
  const auto text = ReadSource(source);
  if (!text) return Fail(ErrorCode::kDenied, fmt::format("the {}: {}", what, text.error().message));
  const Memory memory(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  std::vector<Certificate> certificates;
  while (X509* const one = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(one);
  }
  // Reading ends with an error in any case.
  const bool is_over = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (certificates.empty() || !is_over) return Unusable(what, source, LastReason());
  ERR_clear_error();
  return certificates;
}

Result<void> LoadAuthorities(SSL_CTX& context, const TextSource& source) {
  if (source.empty()) {
    SSL_CTX_set_default_verify_paths(&context);
    return {};
  }
  auto certificates = ReadCertificates("CA certificate", source);
  if (!certificates) return Fail(std::move(certificates.error()));
  for (const Certificate& one : *certificates) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(&context), one.get());
  }
  return {};
}

// Nobody is there to be asked for the password of a key.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

Result<void> LoadCertificate(SSL_CTX& context, const TlsAccess& access) {
  if (access.certificate.empty()) return {};
  auto certificates = ReadCertificates("client certificate", access.certificate);
  if (!certificates) return Fail(std::move(certificates.error()));
  const auto text = ReadSource(access.key);
  if (!text) {
    return Fail(ErrorCode::kDenied, fmt::format("the client key: {}", text.error().message));
  }
  const Memory memory(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  const Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, NoPassword, nullptr));
  if (!key) return Unusable("client key", access.key, LastReason());
  if (SSL_CTX_use_certificate(&context, certificates->front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(&context, key.get()) != 1) {
    return Unusable("client certificate", access.certificate, LastReason());
  }
  for (std::size_t i = 1; i < certificates->size(); ++i) {
    SSL_CTX_add1_chain_cert(&context, (*certificates)[i].get());
  }
  return {};
}

Result<Context> MakeContext(const TlsAccess& access) {
  Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  constexpr std::array<unsigned char, 9> kProtocols = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context.get(), kProtocols.data(), kProtocols.size());
  if (!access.skip_verification) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    auto loaded = LoadAuthorities(*context, access.authorities);
    if (!loaded) return Fail(std::move(loaded.error()));
  }
  auto loaded = LoadCertificate(*context, access);
  if (!loaded) return Fail(std::move(loaded.error()));
  return context;
}

void ExpectHost(SSL& session, std::string host) {
  X509_VERIFY_PARAM* const expected = SSL_get0_param(&session);
  // As Go does: any certificate that is trusted ends the chain, and the subject's name counts for
  // nothing.
  X509_VERIFY_PARAM_set_flags(expected, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1) return;
  ERR_clear_error();
  X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size());
  SSL_ctrl(&session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data());
}

// Whether the peer's alert, by which it ended the connection, is about our certificate.
bool IsAboutCertificates(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
  }
}

}  // namespace

struct TlsSession::Impl {
  std::string host;
  Transport transport;
  std::unique_ptr<SSL, Deleter<SSL_free>> session;
  std::optional<std::string> distrust;
  bool has_certificate = false;
};

TlsSession::TlsSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsSession::~TlsSession() = default;

Result<std::unique_ptr<TlsSession>> TlsSession::Make(Socket& socket, const TlsAccess& access,
                                                     const std::string& host) {
  ERR_clear_error();
  auto context = MakeContext(access);
  ERR_clear_error();
  if (!context) return Fail(std::move(context.error()));
  auto impl = std::make_unique<Impl>();
  impl->host = host;
  impl->transport.socket = &socket;
  impl->has_certificate = !access.certificate.empty();
  impl->session.reset(SSL_new(context->get()));
  BIO* const bio = BIO_new(TransportMethod());
  BIO_set_data(bio, &impl->transport);
  BIO_set_init(bio, 1);
  SSL_set_bio(impl->session.get(), bio, bio);
  SSL_set_connect_state(impl->session.get());
  ExpectHost(*impl->session, host);
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(impl)));
}

Step TlsSession::ShakeHands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(impl_->session.get());
  return result == 1 ? Step{} : Judge(result);
}

Step TlsSession::Receive(std::span<char> into) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(impl_->session.get(), into.data(), into.size(), &count);
  return result == 1 ? Step{.size = count} : Judge(result);
}

Step TlsSession::Send(std::string_view bytes) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(impl_->session.get(), bytes.data(), bytes.size(), &count);
  return result == 1 ? Step{.size = count} : Judge(result);
}

bool TlsSession::IsQuiet() {
  ERR_clear_error();
  char byte = 0;
  std::size_t count = 0;
  const int result = SSL_peek_ex(impl_->session.get(), &byte, 1, &count);
  return result != 1 && Judge(result).kind == Step::Kind::kWantsToRead;
}

std::optional<std::string> TlsSession::Distrust() const { return impl_->distrust; }

Step TlsSession::Judge(int result) {
  SSL& session = *impl_->session;
  switch (SSL_get_error(&session, result)) {
    case SSL_ERROR_WANT_READ: return {.kind = Step::Kind::kWantsToRead};
    case SSL_ERROR_WANT_WRITE: return {.kind = Step::Kind::kWantsToWrite};
    case SSL_ERROR_ZERO_RETURN: return {.kind = Step::Kind::kEnded};
    default: break;
  }
  Step failed{.kind = Step::Kind::kFailed, .reason = LastReason()};
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const long verified = SSL_get_verify_result(&session);
  if (!impl_->transport.failure.empty()) {
    failed.reason = impl_->transport.failure;
  } else if (SSL_get_verify_mode(&session) != SSL_VERIFY_NONE && verified != X509_V_OK) {
    const bool is_host =
        verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH;
    impl_->distrust = fmt::format(
        "its certificate is not trusted: {}",
        is_host ? "it is not valid for " + impl_->host : X509_verify_cert_error_string(verified));
    failed.reason = *impl_->distrust;
  } else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST) {
    failed.reason = "it does not speak TLS; does it expect http://?";
  } else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    failed.reason = "the connection was closed";
  } else if (reason > SSL_AD_REASON_OFFSET && IsAboutCertificates(reason - SSL_AD_REASON_OFFSET)) {
    impl_->distrust = fmt::format("{}: {}",
                                  impl_->has_certificate
                                      ? "it refuses our certificate"
                                      : "it refuses us, perhaps for want of a client certificate",
                                  failed.reason);
    failed.reason = *impl_->distrust;
  }
  ERR_clear_error();
  return failed;
}

}  // namespace monopod::kube
