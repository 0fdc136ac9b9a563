#include "src/kube/object.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace monopod::kube {

using nlohmann::json;

struct Object::Document {
  json root = json::object();

  // Null if there is no such member.
  const json* Find(Path path) const {
    const json* at = &root;
    for (const std::string_view name : path) {
      if (!at->is_object()) return nullptr;
      const auto member = at->find(name);
      if (member == at->end()) return nullptr;
      at = &*member;
    }
    return at;
  }
  json& Make(Path path) {
    json* at = &root;
    for (const std::string_view name : path) {
      if (!at->is_object()) *at = json::object();
      at = &(*at)[std::string(name)];
    }
    return *at;
  }
};

Object::Object() : document_(std::make_unique<Document>()) {}
Object::Object(std::unique_ptr<Document> document) : document_(std::move(document)) {}
Object::Object(const Object& other) : document_(std::make_unique<Document>(*other.document_)) {}
Object::Object(Object&& other) noexcept = default;
Object& Object::operator=(const Object& other) {
  if (this != &other) document_ = std::make_unique<Document>(*other.document_);
  return *this;
}
Object& Object::operator=(Object&& other) noexcept = default;
Object::~Object() = default;

std::optional<Object> Object::Parse(std::string_view text) {
  auto document = std::make_unique<Document>();
  document->root = json::parse(text, nullptr, false);
  if (!document->root.is_object()) return std::nullopt;
  return Object(std::move(document));
}

// Texts that are no UTF-8 are refused before a claim; here they must not throw.
std::string Object::Dump() const {
  return document_->root.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool Object::Has(Path path) const {
  const json* at = document_->Find(path);
  return at != nullptr && !at->is_null();
}

std::string Object::Text(Path path) const {
  const json* at = document_->Find(path);
  return at != nullptr && at->is_string() ? at->get<std::string>() : std::string();
}

std::optional<std::int64_t> Object::Integer(Path path) const {
  const json* at = document_->Find(path);
  if (at == nullptr || !at->is_number_integer()) return std::nullopt;
  return at->get<std::int64_t>();
}

bool Object::IsTrue(Path path) const {
  const json* at = document_->Find(path);
  return at != nullptr && at->is_boolean() && at->get<bool>();
}

Fields Object::Texts(Path path) const {
  Fields fields;
  const json* at = document_->Find(path);
  if (at == nullptr || !at->is_object()) return fields;
  for (const auto& [name, value] : at->items()) {
    if (value.is_string()) fields.emplace(name, value.get<std::string>());
  }
  return fields;
}

std::optional<Object> Object::Child(Path path) const {
  const json* at = document_->Find(path);
  if (at == nullptr || !at->is_object()) return std::nullopt;
  auto document = std::make_unique<Document>();
  document->root = *at;
  return Object(std::move(document));
}

std::vector<Object> Object::Items() const {
  std::vector<Object> items;
  const json* at = document_->Find({"items"});
  if (at == nullptr || !at->is_array()) return items;
  for (const json& item : *at) {
    auto document = std::make_unique<Document>();
    document->root = item;
    items.push_back(Object(std::move(document)));
  }
  return items;
}

void Object::SetText(Path path, std::string value) { document_->Make(path) = std::move(value); }

void Object::SetInteger(Path path, std::int64_t value) { document_->Make(path) = value; }

void Object::ReplaceTexts(Path path, const std::vector<std::string>& known, const Fields& fields) {
  json& members = document_->Make(path);
  if (!members.is_object()) members = json::object();
  for (const std::string& name : known) members.erase(name);
  for (const auto& [name, value] : fields) members[name] = value;
}

}  // namespace monopod::kube
