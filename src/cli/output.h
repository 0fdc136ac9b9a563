// Results on stdout, in the shape the user asked for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace monopod::cli {

// Keeps the order in which fields were added: that of the documentation.
using Json = nlohmann::ordered_json;

enum class OutputFormat : std::uint8_t { kTable, kWide, kJson, kYaml, kName };

// "table", "wide", "json", "yaml", "name".
const std::vector<std::pair<std::string, OutputFormat>>& OutputFormats();

std::string ToYaml(const Json& json);

// Columns as kubectl aligns them: three spaces apart, upper-case heads.
std::string ToTable(const std::vector<std::string>& heads,
                    const std::vector<std::vector<std::string>>& rows);

// Writes all of it to stdout or fails: a full disk or closed pipe must not look like success.
bool Print(std::string_view text);

}  // namespace monopod::cli
