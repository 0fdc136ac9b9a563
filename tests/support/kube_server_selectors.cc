#include "tests/support/kube_server_selectors.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace monopod::testing::kube_server {
namespace {

std::string Trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// At commas that are in no brackets.
std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ',' && depth == 0) {
      parts.push_back(Trim(std::exchange(part, "")));
    } else {
      part += c;
    }
  }
  if (!Trim(part).empty()) parts.push_back(Trim(part));
  return parts;
}

// The fields that may be selected by, beside those of metadata.
std::vector<std::string> SelectableFields(const ResourceType& type) {
  if (type.kind == "Pod") {
    return {"spec.nodeName",           "spec.restartPolicy", "spec.schedulerName",
            "spec.serviceAccountName", "status.phase",       "status.podIP",
            "status.nominatedNodeName"};
  }
  if (type.kind == "Node") return {"spec.unschedulable"};
  if (type.kind == "Secret") return {"type"};
  if (type.kind == "Namespace") return {"status.phase"};
  if (type.kind == "Event") {
    return {"involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "reason",
            "reportingComponent",
            "type"};
  }
  return {};
}

std::string Value(const Json& object, const std::string& path) {
  const Json* value = &object;
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    const auto found =
        value->is_object() ? value->find(path.substr(start, end - start)) : value->end();
    if (!value->is_object() || found == value->end()) return "";
    value = &*found;
    start = end + 1;
  }
  return value->is_string() ? value->get<std::string>() : value->dump();
}

}  // namespace

Outcome<Selector::Requirement> Selector::ParseLabel(const std::string& text) {
  const auto refuse = [&](const std::string& why) {
    return Refuse(BadRequest("unable to parse requirement: " + why));
  };
  for (const auto& [sign, op] : {std::pair{"!=", Operator::kNotIn}, std::pair{"==", Operator::kIn},
                                 std::pair{"=", Operator::kIn}}) {
    const std::size_t at = text.find(sign);
    if (at == std::string::npos) continue;
    return Requirement{.key = Trim(text.substr(0, at)),
                       .op = op,
                       .values = {Trim(text.substr(at + std::string(sign).size()))}};
  }
  if (const std::size_t open = text.find('('); open != std::string::npos) {
    if (text.back() != ')') return refuse("found '" + text + "', expected: ',' or ')'");
    const std::string head = Trim(text.substr(0, open));
    const std::size_t space = head.rfind(' ');
    const std::string word = space == std::string::npos ? "" : head.substr(space + 1);
    if (word != "in" && word != "notin") {
      return refuse("found '" + word + "', expected: in, notin, =, ==, !=, gt, lt");
    }
    return Requirement{.key = Trim(head.substr(0, space)),
                       .op = word == "in" ? Operator::kIn : Operator::kNotIn,
                       .values = Split(text.substr(open + 1, text.size() - open - 2))};
  }
  if (text.find(' ') != std::string::npos) {
    return refuse("found '" + text.substr(text.find(' ') + 1) +
                  "', expected: in, notin, =, ==, !=, gt, lt");
  }
  if (text.front() == '!') return Requirement{.key = text.substr(1), .op = Operator::kMissing};
  return Requirement{.key = text, .op = Operator::kExists};
}

Outcome<Selector> Selector::Of(const Target& target) {
  Selector selector;
  selector.name_space_ = target.name_space;
  if (const std::string* labels = target.Query("labelSelector")) {
    for (const std::string& part : Split(*labels)) {
      if (part.empty())
        return Refuse(BadRequest("unable to parse requirement: found ',', expected: identifier"));
      auto requirement = ParseLabel(part);
      if (!requirement) return Refuse(std::move(requirement.error()));
      selector.labels_.push_back(std::move(*requirement));
    }
  }
  const std::string* fields = target.Query("fieldSelector");
  if (fields == nullptr) return selector;
  const std::vector<std::string> known = SelectableFields(*target.type);
  for (const std::string& part : Split(*fields)) {
    auto requirement = ParseLabel(part);
    if (!requirement || requirement->values.size() != 1) {
      return Refuse(
          BadRequest("invalid selector: '" + *fields + "'; can't understand '" + part + "'"));
    }
    const std::string& key = requirement->key;
    if (key == "regarding.name" || key == "regarding.namespace" || key == "regarding.kind") {
      requirement->key.replace(0, std::string("regarding").size(), "involvedObject");
    } else if (key != "metadata.name" && key != "metadata.namespace" &&
               std::find(known.begin(), known.end(), key) == known.end()) {
      return Refuse(BadRequest("Unable to find \"" + target.type->group + "/" +
                               target.type->version + ", Resource=" + target.type->plural +
                               "\" that match label selector \"\", field selector \"" + *fields +
                               "\": field label not supported: " + key));
    }
    if (key == "metadata.name" && requirement->op == Operator::kIn) {
      selector.name_ = requirement->values.front();
    }
    selector.fields_.push_back(std::move(*requirement));
  }
  return selector;
}

bool Selector::Holds(const Requirement& requirement, const std::string* value) {
  const bool among =
      value != nullptr && std::find(requirement.values.begin(), requirement.values.end(), *value) !=
                              requirement.values.end();
  switch (requirement.op) {
    case Operator::kIn: return among;
    case Operator::kNotIn: return !among;
    case Operator::kExists: return value != nullptr;
    case Operator::kMissing: return value == nullptr;
  }
  return false;
}

bool Selector::Matches(const Json& object) const {
  const Json& metadata = object["metadata"];
  if (!name_space_.empty() && metadata.value("namespace", "") != name_space_) return false;
  for (const Requirement& requirement : fields_) {
    const std::string value = Value(object, requirement.key);
    if (!Holds(requirement, &value)) return false;
  }
  if (labels_.empty()) return true;
  static const Json kNone = Json::object();
  const auto found = metadata.find("labels");
  const Json& labels = found == metadata.end() ? kNone : *found;
  return std::all_of(labels_.begin(), labels_.end(), [&](const Requirement& requirement) {
    const auto label = labels.find(requirement.key);
    return Holds(requirement,
                 label == labels.end() ? nullptr : &label->get_ref<const std::string&>());
  });
}

}  // namespace monopod::testing::kube_server
