#include "src/cli/output.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdio>

namespace monopod::cli {
namespace {

void Emit(YAML::Emitter& out, const Json& json) {
  switch (json.type()) {
    case Json::value_t::object:
      out << YAML::BeginMap;
      for (const auto& [key, value] : json.items()) {
        out << YAML::Key << key << YAML::Value;
        Emit(out, value);
      }
      out << YAML::EndMap;
      return;
    case Json::value_t::array:
      out << YAML::BeginSeq;
      for (const Json& value : json) Emit(out, value);
      out << YAML::EndSeq;
      return;
    // Quoted always: a holder called "no" or "1e3" is still a text.
    case Json::value_t::string: out << YAML::DoubleQuoted << json.get<std::string>(); return;
    case Json::value_t::null:
    case Json::value_t::boolean:
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
    case Json::value_t::binary:
    case Json::value_t::discarded: out << json.dump(); return;
  }
}

}  // namespace

const std::vector<std::pair<std::string, OutputFormat>>& OutputFormats() {
  static const std::vector<std::pair<std::string, OutputFormat>> kFormats = {
      {"table", OutputFormat::kTable},
      {"wide", OutputFormat::kWide},
      {"json", OutputFormat::kJson},
      {"yaml", OutputFormat::kYaml},
      {"name", OutputFormat::kName}};
  return kFormats;
}

std::string ToYaml(const Json& json) {
  YAML::Emitter out;
  Emit(out, json);
  return std::string(out.c_str()) + '\n';
}

std::string ToTable(const std::vector<std::string>& heads,
                    const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& head : heads) widths.push_back(head.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  const auto add = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      line += cells[i];
      if (i + 1 < cells.size()) line.append(widths[i] - cells[i].size() + 3, ' ');
    }
    text += line + '\n';
  };
  add(heads);
  for (const auto& row : rows) add(row);
  return text;
}

bool Print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

}  // namespace monopod::cli
