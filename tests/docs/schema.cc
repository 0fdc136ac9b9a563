#include "tests/docs/schema.h"

#include <fmt/format.h>

#include <regex>
#include <sstream>

namespace monopod::testing {
namespace {

constexpr const char* kLogFields = "Fields of the log";
constexpr const char* kEvents = "Events";
constexpr const char* kNotices = "Notices";

std::string Trimmed(std::string text) {
  std::erase(text, '`');
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!Trimmed(part).empty()) parts.push_back(Trimmed(part));
  }
  return parts;
}

// "| a | b |" without the outer bars; cells may be empty.
std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line.substr(1));
  for (std::string cell; std::getline(stream, cell, '|');) cells.push_back(Trimmed(cell));
  return cells;
}

std::set<std::string> Words(const std::string& text) {
  const auto words = Split(text, ',');
  return {words.begin(), words.end()};
}

std::optional<std::string> After(const std::string& text, const std::string& prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

bool IsTime(const Json& value) {
  static const std::regex kTime(R"((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)?)");
  return value.is_string() && std::regex_match(value.get<std::string>(), kTime);
}

bool IsHeld(const Json& object) {
  const std::string state = object.value("state", "");
  return state == "held" || state == "recovering" || state == "expired";
}

}  // namespace

Tables ReadTables(const std::string& markdown) {
  Tables tables;
  std::string heading;
  std::istringstream lines(markdown);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) heading = Trimmed(line.substr(line.find_first_not_of('#')));
    if (line.starts_with('|') && !line.starts_with("|-")) tables[heading].push_back(Cells(line));
  }
  return tables;
}

Schema::Schema(const std::string& markdown) {
  for (const auto& [heading, rows] : ReadTables(markdown)) {
    const std::string& first = rows.front().front();
    for (auto row = rows.begin() + 1; row != rows.end(); ++row) {
      if (first == "field") {
        fields_[heading][row->at(0)] = {.type = row->at(1), .present = row->at(2)};
      } else if (first == "event") {
        kinds_[heading][row->at(0)] = {.always = Words(row->at(2)), .sometimes = Words(row->at(3))};
      }
    }
  }
}

void Schema::CheckResult(const std::string& command, const Json& value) {
  CheckObject({.heading = command, .prefix = ""}, value);
}

void Schema::CheckLogLine(const std::string& line) {
  const Place place{.heading = kLogFields, .prefix = ""};
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return Fault(place, "not a JSON object: " + line);
  CheckObject(place, json);
  const std::string event = json.value("event", "");
  for (const char* heading : {kEvents, kNotices}) {
    const auto kind = kinds_[heading].find(event);
    if (kind == kinds_[heading].end()) continue;
    seen_.insert(fmt::format("{}|{}", heading, event));
    for (const std::string& field : kind->second.always) {
      if (!json.contains(field)) Fault(place, fmt::format("{} has no {}", event, field));
    }
    for (const auto& [field, value] : json.items()) {
      seen_.insert(fmt::format("{}|{}|{}", heading, event, field));
      const bool documented = field == "time" || field == "event" ||
                              kind->second.always.contains(field) ||
                              kind->second.sometimes.contains(field);
      if (!documented) Fault(place, fmt::format("{} has an undocumented {}", event, field));
    }
    return;
  }
  Fault(place, fmt::format("the event {} is not documented", event));
}

std::vector<std::string> Schema::Unseen(const std::vector<std::string>& headings) const {
  std::vector<std::string> unseen;
  const auto expect = [&](const std::string& what) {
    if (!seen_.contains(what)) unseen.push_back(what);
  };
  for (const std::string& heading : headings) {
    if (const auto fields = fields_.find(heading); fields != fields_.end()) {
      for (const auto& [path, field] : fields->second) {
        expect(fmt::format("{}|{}", heading, path));
        for (const std::string& value : Split(After(field.type, "one of ").value_or(""), ',')) {
          expect(fmt::format("{}|{}={}", heading, path, value));
        }
      }
    }
    if (const auto kinds = kinds_.find(heading); kinds != kinds_.end()) {
      for (const auto& [event, kind] : kinds->second) {
        expect(fmt::format("{}|{}", heading, event));
        for (const std::string& field : kind.sometimes)
          expect(fmt::format("{}|{}|{}", heading, event, field));
      }
    }
  }
  return unseen;
}

void Schema::CheckObject(const Place& place, const Json& object) {
  if (!object.is_object()) return Fault(place, "not an object: " + object.dump());
  for (const auto& [key, value] : object.items()) CheckValue(place, key, value);
  CheckPresence(place, object);
}

void Schema::CheckValue(const Place& place, const std::string& key, const Json& value) {
  const std::string path = place.prefix + key;
  if (!fields_[place.heading].contains(path)) return Fault(place, "undocumented field " + path);
  seen_.insert(fmt::format("{}|{}", place.heading, path));
  CheckType(place, path, value);
}

void Schema::CheckType(const Place& place, const std::string& path, const Json& value) {
  const std::string& type = fields_[place.heading].at(path).type;
  const auto elements = After(type, "array of ");
  if (elements && value.is_array()) {
    for (const Json& element : value) {
      if (*elements == "objects") {
        CheckObject({.heading = place.heading, .prefix = path + "[]."}, element);
      } else if (*elements != "strings") {
        CheckObject({.heading = *elements, .prefix = ""}, element);
      } else if (!element.is_string()) {
        Fault(place, fmt::format("{} is not an array of strings: {}", path, value.dump()));
      }
    }
    return;
  }
  if (type == "object" && value.is_object()) {
    return CheckObject({.heading = place.heading, .prefix = path + "."}, value);
  }
  if (const auto words = After(type, "one of "); words && value.is_string()) {
    const std::string word = value.get<std::string>();
    seen_.insert(fmt::format("{}|{}={}", place.heading, path, word));
    if (Words(*words).contains(word)) return;
  }
  const bool right = (type == "string" && value.is_string()) ||
                     (type == "integer" && value.is_number_integer()) ||
                     (type == "number of seconds" && value.is_number()) ||
                     (type == "boolean" && value.is_boolean()) || (type == "time" && IsTime(value));
  if (!right) Fault(place, fmt::format("{} is not {}: {}", path, type, value.dump()));
}

void Schema::CheckPresence(const Place& place, const Json& object) {
  for (const auto& [path, field] : fields_[place.heading]) {
    const auto key = After(path, place.prefix);
    if (!key || key->find('.') != std::string::npos) continue;
    const bool there = object.contains(*key);
    const bool while_held = field.present.starts_with("while held");
    const bool needed =
        field.present == "always" || (field.present == "while held" && IsHeld(object));
    if (needed && !there) Fault(place, fmt::format("{} is missing: {}", path, object.dump()));
    if (while_held && there && !IsHeld(object)) {
      Fault(place, fmt::format("{} is there though nothing is held: {}", path, object.dump()));
    }
  }
}

void Schema::Fault(const Place& place, const std::string& what) {
  faults_.push_back(fmt::format("{}: {}", place.heading, what));
}

}  // namespace monopod::testing
