// A Kubernetes object (or any other answer of an API server) as a JSON document, read and changed
// by paths of member names. What nobody changes stays as it came.
//
// Threads: as a value; a const object may be read from several.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace monopod::kube {

using Fields = std::map<std::string, std::string, std::less<>>;

class Object {
 public:
  using Path = std::initializer_list<std::string_view>;

  Object();  // {}
  Object(const Object& other);
  Object(Object&& other) noexcept;
  Object& operator=(const Object& other);
  Object& operator=(Object&& other) noexcept;
  ~Object();

  // Nothing if `text` is no JSON object.
  static std::optional<Object> Parse(std::string_view text);
  std::string Dump() const;

  // What is not there, is null or has another type reads as empty.
  bool Has(Path path) const;
  std::string Text(Path path) const;
  std::optional<std::int64_t> Integer(Path path) const;
  bool IsTrue(Path path) const;
  Fields Texts(Path path) const;  // the members that are texts
  std::optional<Object> Child(Path path) const;
  std::vector<Object> Items() const;  // of a list

  // These make the objects on the path that are missing.
  void SetText(Path path, std::string value);
  void SetInteger(Path path, std::int64_t value);
  // Puts `fields` there in place of all members that are called like one of `known`.
  void ReplaceTexts(Path path, const std::vector<std::string>& known, const Fields& fields);

 private:
  struct Document;
  explicit Object(std::unique_ptr<Document> document);

  std::unique_ptr<Document> document_;
};

}  // namespace monopod::kube
